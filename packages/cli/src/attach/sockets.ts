// The TCP sockets of a process, in its own network namespace, as /proc/PID/net has them.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { allPids } from '../discovery/processes.js';

export interface Socket {
  /** Of its own end. */
  address: string;
  port: number;
  isListening: boolean;
  inode: string;
}

/** `TCP_LISTEN` and `TCP_ESTABLISHED` of the kernel's <net/tcp_states.h>. */
const LISTEN = '0A';
const ESTABLISHED = '01';

/** Those that listen, or are connected, in the network namespace of the process, whosever they are. */
export function socketsAround(pid: number): Socket[] {
  return ['tcp', 'tcp6'].flatMap((name) => {
    try {
      return parseSockets(readFileSync(`/proc/${pid}/net/${name}`, 'latin1'));
    } catch {
      // The process has ended, or the kernel has no IPv6.
      return [];
    }
  });
}

/** @param text of /proc/PID/net/tcp or tcp6 (proc_pid_net(5)) */
export function parseSockets(text: string): Socket[] {
  return [...text.matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ (\S\S) (?:\S+ +){5}(\d+) /gm)].flatMap(
    ([, address, port, state, inode]) => {
      if (state !== LISTEN && state !== ESTABLISHED) return [];
      return [
        {
          address: addressOf(address!),
          port: Number.parseInt(port!, 16),
          isListening: state === LISTEN,
          inode: inode!,
        },
      ];
    },
  );
}

/** The inodes of the sockets that a process has open. @throws if that may not be read */
export function socketsOf(pid: number): Set<string> {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`)) ?? [];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // It was closed meanwhile.
    }
  }
  return inodes;
}

/** Which process has a socket; undefined if that cannot be seen. */
export function ownerOf({ inode }: Socket): number | undefined {
  return allPids().find((pid) => {
    try {
      return socketsOf(pid).has(inode);
    } catch {
      return false;
    }
  });
}

/** Words of 32 bits in the order of the machine. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  if (littleEndian) bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes.readUInt16BE(10) === 0xffff;
  if (isMapped) return bytes.subarray(12).join('.');
  // As URLs have it, which shorten it.
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { parseSockets, socketsAround, socketsOf } from './sockets.js';

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:240D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51234 1 0000000000000000 100 0 0 10 0
   1: 0100007F:240D 0100007F:C350 01 00000000:00000000 02:00000A1B 00000000  1000        0 51240 2 0000000000000000 20 4 30 10 -1
   2: 0100007F:C350 0100007F:240D 06 00000000:00000000 03:00001234 00000000     0        0 0 3 0000000000000000
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:240D 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51250 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:240E 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51251 1 0000000000000000 100 0 0 10 0
`;

describe('Sockets of a process', () => {
  it('are read from tcp and tcp6, those that listen or are connected', () => {
    assert.deepEqual(parseSockets(TCP), [
      { address: '127.0.0.1', port: 9229, isListening: true, inode: '51234' },
      { address: '127.0.0.1', port: 9229, isListening: false, inode: '51240' },
    ]);
    assert.deepEqual(parseSockets(TCP6), [
      { address: '::1', port: 9229, isListening: true, inode: '51250' },
      { address: '127.0.0.1', port: 9230, isListening: true, inode: '51251' },
    ]);
  });

  it('are told from those of others by their inodes', async function () {
    if (process.platform !== 'linux') this.skip();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(port, '127.0.0.1');
    await once(client, 'connect');
    const own = socketsOf(process.pid);
    const found = socketsAround(process.pid).filter((socket) => socket.port === port && own.has(socket.inode));
    assert.ok(found.some(({ isListening, address }) => isListening && address === '127.0.0.1'));
    client.destroy();
    server.close();
  });
});

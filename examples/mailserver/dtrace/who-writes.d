#!/usr/sbin/dtrace -s
/*
 * Which functions write into the mail server's database: how often, by the JavaScript stack. As of a native function's stack
 * DTrace would tell (`ustack()`), but with the program's own functions; the probe brings them, and takes them only while it
 * is traced. Ends with Ctrl-C.
 *
 *     dtrace -s who-writes.d
 */

/* A stack is longer than the 256 bytes that DTrace copies otherwise. */
#pragma D option strsize=2048

smtp*:::put
{
	@writes[copyinstr(arg1)] = count();
}

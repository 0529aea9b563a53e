#!/usr/sbin/dtrace -s
/*
 * Pauses for garbage collection by kind, in microseconds. Ends with Ctrl-C.
 *
 *     dtrace -s gc.d
 */

node*:::gc-done
{
	/* V8's kinds: 1 young objects, 2 young objects by marking, 4 the whole heap, 8 a step of marking, 16 weak references. */
	@us[arg0] = quantize(arg2 / 1000);
	@freed[arg0] = sum(arg4 - arg3);
}

#!/usr/sbin/dtrace -s
/*
 * How long deliveries take, in nanoseconds, by the recipient's domain: from the entry of each to its return, as a histogram. In a
 * program that does many things at once a thread's own variable (`self->start`) would mix them up: an operation has an id, arg0.
 * Ends with Ctrl-C.
 *
 *     dtrace -s delivery-latency.d
 */

smtp*:::delivery-start
{
	started[pid, arg0] = timestamp;
}

smtp*:::delivery-done
/started[pid, arg0]/
{
	@ns[copyinstr(arg2)] = quantize(timestamp - started[pid, arg0]);
}

smtp*:::delivery-done, smtp*:::delivery-error
{
	started[pid, arg0] = 0;
}

#!/usr/sbin/dtrace -s
/*
 * How long one function takes, in nanoseconds, as a histogram: from its entry to its return. The server has no probe for it and was not
 * changed; it was started with @sonde/node, and with probes in its functions:
 *
 *     SONDE_FUNCTIONS=on node --import @sonde/node/register dist/server.js
 *
 *     dtrace -s function-latency.d domainOf
 *
 * From one to the other by the thread's own variable is right for a function that does not wait. Of one that is asynchronous, the return
 * tells how long it took, arg3. Ends with Ctrl-C.
 */

#pragma D option defaultargs

node*:::function-entry
/copyinstr(arg1) == $$1/
{
	self->began = timestamp;
}

node*:::function-return
/copyinstr(arg1) == $$1 && self->began/
{
	@ns[copyinstr(arg0), arg2] = quantize(timestamp - self->began);
	self->began = 0;
}

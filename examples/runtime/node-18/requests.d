#!/usr/sbin/dtrace -s
/*
 * As it was written for Node.js up to version 18, whose binary had these probes, with arguments by their number. Ends with Ctrl-C.
 *
 *     dtrace -s requests.d
 */

#pragma D option quiet

BEGIN
{
	printf("tracing, Ctrl-C ends it\n");
}

node*:::http-server-request
{
	printf("%s:%d asks %s %s\n", copyinstr(arg2), arg3, copyinstr(arg4), copyinstr(arg5));
	start[pid, arg1] = timestamp;
}

node*:::http-server-response
/start[pid, arg0]/
{
	printf("%s:%d answered, fd %d\n", copyinstr(arg1), arg2, arg3);
	@us = quantize((timestamp - start[pid, arg0]) / 1000);
	start[pid, arg0] = 0;
}

node*:::http-client-request
{
	printf("client asks %s:%d %s %s\n", copyinstr(arg2), arg3, copyinstr(arg4), copyinstr(arg5));
}

node*:::http-client-response
{
	printf("client got an answer of %s:%d, fd %d\n", copyinstr(arg1), arg2, arg3);
}

node*:::net-server-connection
{
	printf("connection of %s:%d, fd %d\n", copyinstr(arg1), arg2, arg3);
}

node*:::net-stream-end
{
	printf("end of %s:%d, fd %d\n", copyinstr(arg1), arg2, arg3);
}

node*:::gc-start
{
	self->collecting = timestamp;
}

node*:::gc-done
/self->collecting/
{
	@gc_us[arg0, arg1] = quantize((timestamp - self->collecting) / 1000);
	self->collecting = 0;
}

END
{
	printf("requests, microseconds\n");
	printa(@us);
	printf("collections by kind and flags, microseconds\n");
	printa(@gc_us);
}

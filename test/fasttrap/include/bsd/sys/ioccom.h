// How ioctl requests are numbered on the BSDs, macOS among them: what <sys/ioccom.h> defines, in
// words of our own. Linux has macros of the same names, which number otherwise.
#pragma once

#undef _IO
#undef _IOR
#undef _IOW
#undef _IOWR
#define SONDE_IOC(direction, group, number, size) \
  ((direction) | (static_cast<unsigned long>(size) & 0x1fff) << 16 | static_cast<unsigned long>(group) << 8 | (number))
#define _IO(group, number) SONDE_IOC(0x20000000UL, group, number, 0)
#define _IOR(group, number, type) SONDE_IOC(0x40000000UL, group, number, sizeof(type))
#define _IOW(group, number, type) SONDE_IOC(0x80000000UL, group, number, sizeof(type))
#define _IOWR(group, number, type) SONDE_IOC(0xc0000000UL, group, number, sizeof(type))

// What illumos's <stropts.h> declares, as far as sonde uses it.
#pragma once

extern "C" int ioctl(int, int, ...);

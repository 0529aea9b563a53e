#undef NAPI_VERSION  // which node_version.h defines, too
#include <node_version.h>

#include "environment.h"

namespace sonde {

int Abi() { return NODE_MODULE_VERSION; }

}  // namespace sonde

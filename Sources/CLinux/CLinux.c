// A C target needs a source file.
#include "CLinux.h"

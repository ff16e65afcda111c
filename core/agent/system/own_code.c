#include "agent/system/own_code.h"

struct own_code own_code_agent;
struct own_code own_code_c_library;

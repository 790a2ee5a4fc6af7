// tensor_cache_support.cc includes this file and uses nothing of it.
#pragma once

#ifndef CLINUX_H
#define CLINUX_H

/// Linux headers that Swift's Glibc module leaves out.
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>

/// Names the calling thread, for `ps -L`: at most 15 bytes. prctl(2) is variadic, which Swift cannot call.
static inline int clinux_name_thread(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif

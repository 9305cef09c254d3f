#ifndef CLINUX_H
#define CLINUX_H

/// Linux headers that Swift's Glibc module leaves out.
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/timerfd.h>

#endif

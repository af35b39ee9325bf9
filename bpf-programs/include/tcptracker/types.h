/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Integer types as the kernel names them, for BPF (where no system header is used) and for user space. */
#ifndef TCPTRACKER_TYPES_H
#define TCPTRACKER_TYPES_H

#if defined(__bpf__)
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;
#else
#include <linux/types.h>
#endif

#endif

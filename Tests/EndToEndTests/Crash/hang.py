"""A file system that reads every request and answers none but the first: whoever asks it for anything is stuck in the
kernel, deaf to KILL (fs/fuse/dev.c, request_wait_answer: what has been read is waited out), until this process ends.

hang.py DIRECTORY; as root. Says `mounted`, then `stuck` for each request."""

import ctypes
import os
import struct
import sys

INIT = 26  # include/uapi/linux/fuse.h

libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % device
if libc.mount(b"hang", sys.argv[1].encode(), b"fuse", 0, options) != 0:
    sys.exit("mount: " + os.strerror(ctypes.get_errno()))
while True:
    request = os.read(device, 1 << 17)
    _, opcode, unique = struct.unpack_from("IIQ", request)
    if opcode == INIT:
        _, minor = struct.unpack_from("II", request, 40)
        # fuse_init_out: version, read-ahead, flags, background, congestion, largest write, granularity, and zeros.
        answer = struct.pack("IIIIHHIIHHI28x", 7, min(minor, 31), 0, 0, 8, 8, 4096, 1, 0, 0, 0)
        os.write(device, struct.pack("IiQ", 16 + len(answer), 0, unique) + answer)
        print("mounted", flush=True)
    else:
        print("stuck", flush=True)

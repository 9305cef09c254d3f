#ifndef CSQLITELOG_H
#define CSQLITELOG_H

/// The name of a VFS that is SQLite's own, but that the frames of a transaction go to the write-ahead log in one write
/// instead of two for each page; NULL where it cannot be made. For any number of connections, from any thread.
const char *csqlitelog_vfs(void);

#endif

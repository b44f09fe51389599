//! How the cluster is made and how it runs.
//!
//! Settings go onto the command line, not into a file: they change with the service's version, and `ALTER SYSTEM` or an edit of
//! `postgresql.conf` cannot take the durable ones back. What is not here can still be set there.

/// The cluster's superuser: the service needs no other.
pub(super) const USER: &str = "coursestream";

/// initdb's, besides folder and user.
pub(super) const INIT: [&str; 6] = [
    "--encoding=UTF8",
    // Byte order, so that no upgrade of the C library re-orders an index; but letters beyond ASCII are letters, so that
    // a search for a topic ignores their case too.
    "--locale=C",
    if cfg!(target_os = "macos") { "--lc-ctype=en_US.UTF-8" } else { "--lc-ctype=C.UTF-8" },
    // The socket's folder is open to one user only. There is no host connection.
    "--auth-local=trust",
    "--auth-host=reject",
    "--data-checksums",
];

/// postgres's, besides folders.
pub(super) const RUN: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    // What a client has received survives a crash: not to be traded for speed.
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    // On macOS any other method leaves the data in the drive's cache.
    #[cfg(target_os = "macos")]
    ("wal_sync_method", "fsync_writethrough"),
    ("max_connections", "100"),
    ("shared_buffers", "256MB"),
    // An append-only log writes each page many times: rarer checkpoints mean fewer full-page images, compressed ones
    // shorter. pglz, since lz4 is not compiled in everywhere.
    ("max_wal_size", "2GB"),
    ("wal_compression", "on"),
    // The cores belong to the service, and parallel queries are what needs /dev/shm, of which a container has 64 MB.
    ("max_parallel_workers_per_gather", "0"),
    // Compiling costs more than these queries do.
    ("jit", "off"),
    // Its standard error is the log file, whatever postgresql.conf says.
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("log_line_prefix", "%m [%p] "),
];

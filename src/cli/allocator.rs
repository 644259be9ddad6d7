//! Settings of the C library's allocator, for a process that runs for years.

/// Free memory at the end of the heap that is returned to the system at once, in bytes; glibc's default, which it would
/// raise with the size of freed buffers.
#[cfg(target_env = "gnu")]
const TRIM_BYTES: libc::c_int = 128 * 1024;

/// Makes all threads use one heap, and lets it shrink.
///
/// By default, glibc gives threads heaps of their own, and keeps what was freed in each: clients that open and close TLS
/// connections, whose memory one thread requests and another frees, would leave tens of megabytes behind. Must be called before
/// threads are started. Other C libraries keep less by themselves.
pub(super) fn keep_memory_small() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "no safe function sets these parameters")]
    // SAFETY: it takes and returns integers, and no other thread exists, which mallopt(3) requires.
    unsafe {
        // Without effect, the process only keeps more memory.
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_BYTES);
    }
}

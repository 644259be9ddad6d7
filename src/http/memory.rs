//! The memory of encoded pages.
//!
//! Invariant: the buffers of pages that are being encoded or sent, and those kept for the next ones, hold at most
//! the limit together, or two pages if that is more, or three while one is compressed. A buffer counts by its capacity, from its reservation until
//! the last response that sends it has ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::body::Bytes;
use tokio::sync::Notify;

/// Buffers of pages.
#[derive(Debug)]
pub(super) struct PageMemory {
    /// In bytes.
    limit: usize,
    buffers: Mutex<Buffers>,
    /// Notified when a buffer is returned.
    pub(super) freed: Notify,
}

#[derive(Debug, Default)]
struct Buffers {
    /// Capacity of each buffer in use, by the number of its page.
    used: BTreeMap<u64, usize>,
    /// Returned buffers. Reusing them keeps the allocator from holding both them and new ones.
    spare: Vec<Vec<u8>>,
    /// Capacity that the next page needs: a little more than the last one had.
    expected: usize,
}

/// A buffer to encode a page into.
#[derive(Debug)]
pub(super) struct Reservation {
    memory: Arc<PageMemory>,
    number: u64,
    pub(super) bytes: Vec<u8>,
}

/// An encoded page. Clones share its bytes.
#[derive(Clone, Debug)]
pub(super) struct EncodedPage(Arc<Reservation>);

/// The number of the page that a response sends, as an extension of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PageNumber(pub(super) u64);

impl PageMemory {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            buffers: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Returns whether a page does not fit beside those in memory.
    pub(super) fn is_short(&self) -> bool {
        !self.lock().fit(1, self.limit)
    }

    /// Returns a buffer for each of these numbers, unless that would exceed the limit. A buffer has the number of its page;
    /// numbers are not used twice.
    pub(super) fn reserve<const N: usize>(
        self: &Arc<Self>,
        numbers: [u64; N],
    ) -> Option<[Reservation; N]> {
        let mut buffers = self.lock();
        if !buffers.fit(N, self.limit) {
            return None;
        }
        Some(numbers.map(|number| {
            let bytes = buffers.spare.pop();
            let bytes = bytes.unwrap_or_else(|| Vec::with_capacity(buffers.expected));
            buffers.used.insert(number, bytes.capacity());
            Reservation {
                memory: Arc::clone(self),
                number,
                bytes,
            }
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Buffers> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffers {
    /// Returns whether so many more buffers fit. They always do beside one other: the page that is sent.
    fn fit(&self, count: usize, limit: usize) -> bool {
        let used: usize = self.used.values().sum();
        used + count * self.expected <= limit.max((count + 1) * self.expected)
    }
}

impl Reservation {
    /// Records that the bytes are a whole page without coding: later buffers have room for as many.
    pub(super) fn record_size(&self) {
        self.memory.lock().expected = self.needed();
    }

    /// Returns the encoded page.
    pub(super) fn finish(mut self) -> EncodedPage {
        // A buffer that had to grow may have doubled.
        let needed = self.needed();
        if self.bytes.capacity() > needed {
            self.bytes.shrink_to(needed);
        }
        let capacity = self.bytes.capacity();
        self.memory.lock().used.insert(self.number, capacity);
        EncodedPage(Arc::new(self))
    }

    /// Returns the capacity for as many bytes, and a few more.
    fn needed(&self) -> usize {
        self.bytes.len() + self.bytes.len() / 16
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut buffers = self.memory.lock();
        buffers.used.remove(&self.number);
        if bytes.capacity() >= buffers.expected {
            buffers.spare.push(bytes);
        }
        if buffers.used.is_empty() {
            // One is kept for the next scrape, so that the kernel need not hand out and clear fresh memory for it.
            buffers.spare.truncate(1);
        }
        drop(buffers);
        self.memory.freed.notify_waiters();
    }
}

impl EncodedPage {
    pub(super) fn number(&self) -> PageNumber {
        PageNumber(self.0.number)
    }

    /// Returns the page as the body of a response.
    pub(super) fn body(&self) -> Bytes {
        Bytes::from_owner(self.clone())
    }

    /// Returns whether a response holds the page.
    pub(super) fn is_being_sent(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl AsRef<[u8]> for EncodedPage {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 1000;

    fn page(memory: &Arc<PageMemory>, number: u64) -> Option<EncodedPage> {
        let [mut reservation] = memory.reserve([number])?;
        reservation.bytes.resize(PAGE, b'x');
        reservation.record_size();
        Some(reservation.finish())
    }

    #[test]
    fn pages_fit_up_to_the_limit_and_a_body_holds_its_page() {
        let memory = PageMemory::new(3 * PAGE);
        // The first page's size is not known before.
        let bodies: Vec<Bytes> = (0..2)
            .map(|number| page(&memory, number).unwrap().body())
            .collect();
        assert!(memory.is_short());
        assert!(page(&memory, 2).is_none());
        let clone = bodies[0].clone();
        drop(bodies);
        let second = page(&memory, 3).unwrap();
        assert!(page(&memory, 4).is_none());
        drop(clone);
        assert!(page(&memory, 5).is_some());
        assert!(!second.is_being_sent());
        let _body = second.body();
        assert!(second.is_being_sent());
    }

    #[test]
    fn two_pages_fit_however_long_they_are() {
        let memory = PageMemory::new(1);
        let first = page(&memory, 0).unwrap();
        let second = page(&memory, 1).unwrap();
        assert!(page(&memory, 2).is_none());
        drop(first);
        assert!(page(&memory, 3).is_some());
        drop(second);
    }

    #[test]
    fn buffers_are_counted_by_their_capacity_and_reused_while_pages_are_sent() {
        let memory = PageMemory::new(4 * PAGE);
        let first = page(&memory, 0).unwrap();
        let address = page(&memory, 1).unwrap().as_ref().as_ptr();
        let third = page(&memory, 2).unwrap();
        assert_eq!(third.as_ref().as_ptr(), address);
        let held = |page: &EncodedPage| page.0.bytes.capacity();
        let counted: usize = memory.lock().used.values().sum();
        assert_eq!(counted, held(&first) + held(&third));
        drop((first, third));
        let buffers = memory.lock();
        assert!(buffers.used.is_empty() && buffers.spare.len() == 1);
    }

    #[test]
    fn an_encoding_that_is_given_up_returns_its_buffer() {
        let memory = PageMemory::new(PAGE);
        let _first = page(&memory, 0).unwrap();
        let second = memory.reserve([1]).unwrap();
        assert!(memory.reserve([2]).is_none());
        drop(second);
        assert!(memory.reserve([2]).is_some());
    }

    #[test]
    fn a_compressed_page_takes_little_memory_once_it_is_finished() {
        let memory = PageMemory::new(PAGE);
        let sent = page(&memory, 0).unwrap();
        let [scratch, mut compressed] = memory.reserve([1, 2]).unwrap();
        assert!(memory.reserve([3]).is_none());
        compressed.bytes.extend_from_slice(b"short");
        let compressed = compressed.finish();
        drop((sent, scratch));
        assert!(compressed.0.bytes.capacity() < PAGE / 10);
        assert_eq!(memory.lock().expected, PAGE + PAGE / 16);
        assert!(memory.reserve([4]).is_some());
    }
}

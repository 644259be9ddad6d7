//! Decides from where a file is read whose consumed part was removed or overwritten.
//!
//! Invariant: the rest of the former text is read from a copy if there is one; lines that the file keeps are not read
//! again.

use std::io;

use super::adopt::Adoption;
use super::compare::{find_ending, is_distinctive_until};
use super::consumed::{Consumed, line_at};
use super::doubt::{Doubt, Reason, Wait};
use super::event::FileEvent;
use super::fingerprint::HEAD_BYTES;
use super::fs::{Fs, read_upto};
use super::history::FinishedFile;
use super::known::FORMER_BYTES;
use super::lines::is_distinctive;
use super::open::{Generation, OpenFile};
use super::shredded::is_shredded;
#[cfg(test)]
use super::tests::planted::{Fault, is_planted};
use crate::model::GenerationId;

/// The remainder of a file's consumed part after some of it was removed or overwritten.
enum Kept {
    /// All of it, or its last lines, which end at `end`.
    Lines { end: u64 },
    /// The first `end` bytes of it, which are none if 0; `is_all` if the file holds nothing else, as far as it can be compared.
    Part { end: u64, is_all: bool },
    /// Random bytes, as it did before if `was_shredded`.
    Shredded { was_shredded: bool },
}

impl<F: Fs> Adoption<'_, F> {
    /// Resumes a file whose consumed part changed. The rest of the former text, of which `unread` bytes are known, is read
    /// from a copy if the rotation made one.
    pub(super) fn resume_replaced(&mut self, id: GenerationId, unread: u64) {
        if let Some(own) = self.open.get(id) {
            self.finder.note_cut(&own.base, self.now);
        }
        let listed = self.finder.latest_moment();
        if !self.resume_in_copy(id, unread, listed)
            && let Some(own) = self.open.get_mut(id)
        {
            own.doubt = Some(Doubt::new(Reason::Rewritten { unread, listed }, self.now));
            self.examine(id);
        }
    }

    /// Reads a file that was found truncated in moment `listed` from its start, and the rest of its former text from a copy;
    /// returns false if there is none.
    pub(super) fn resume_in_copy(&mut self, id: GenerationId, unread: u64, listed: u64) -> bool {
        let Some(copy) = self.open_copy(id) else {
            return false;
        };
        // It may be overwritten with the text of another file.
        let mut new = Doubt::new(Reason::New { listed }, self.now);
        let Some(own) = self.open.get_mut(id) else {
            return false;
        };
        let (path, offset) = (own.path.clone(), own.offset);
        if let Some(doubt) = &own.doubt {
            new.note_text(doubt.seen());
        }
        own.restart();
        own.doubt = Some(new);
        own.has_more = true;
        let in_copy = match &copy {
            OpenFile::Plain(copy) => copy.unread(),
            // The size of its text is known only once it was inflated.
            OpenFile::Archive(_) => unread,
        };
        (self.events)(FileEvent::Truncated {
            path,
            offset,
            unread: unread.saturating_sub(in_copy),
            resume: 0,
            copy: Some(copy.parts().0.to_path_buf()),
        });
        self.begin(copy);
        true
    }

    /// Decides from where a file is read whose consumed part was removed or overwritten, and of which no copy was found:
    /// behind that part or its last lines, if it was rewritten with them; otherwise behind what is left of it.
    pub(super) fn decide_rewritten(
        &mut self,
        own: &mut Generation<F::File>,
        mut doubt: Box<Doubt>,
        unread: u64,
        listed: u64,
    ) -> bool {
        let kept = own
            .check_size(self.fs)
            .and_then(|_| self.kept_of(&own.consumed, own));
        let (path, offset) = (own.path.clone(), own.offset);
        let Ok(kept) = kept else {
            own.doubt = Some(doubt);
            return false;
        };
        match kept {
            Kept::Lines { end } => return self.go_behind(own, doubt, end),
            Kept::Part { end, is_all } => {
                doubt.begin(own.size(), self.now);
                // A log that was empty may begin as the former one did.
                let is_left = is_all && (!doubt.was_empty() || own.size() >= FORMER_BYTES);
                let may_grow = is_all && self.is_known_until(own, own.size());
                doubt.wait(if may_grow {
                    Wait::UntilQuiet(self.open.rotate_wait())
                } else {
                    Wait::Brief
                });
                let may_wait = may_grow || own.consumed.is_distinctive();
                if !is_left && may_wait && !doubt.is_over(self.now) {
                    own.doubt = Some(doubt);
                    return false;
                }
                let former = own.consumed.clone();
                self.record_former(own);
                if is_left && own.go_to(self.fs, own.size()).is_ok() {
                    if may_grow {
                        doubt.reason = Reason::Left { former };
                        own.doubt = Some(doubt);
                    }
                } else if !self.has_gone_behind(own, end) {
                    own.restart();
                    // It may be overwritten with the text of another file.
                    let mut new = Doubt::new(Reason::New { listed }, self.now);
                    new.note_text(doubt.seen());
                    own.doubt = Some(new);
                }
            }
            Kept::Shredded { was_shredded } => {
                self.record_former(own);
                if own.go_to(self.fs, own.size()).is_err() {
                    own.restart();
                }
                if was_shredded {
                    return true;
                }
            }
        }
        (self.events)(FileEvent::Truncated {
            path,
            offset,
            unread,
            resume: own.offset,
            copy: None,
        });
        true
    }

    /// Decides from where a file is read on that was cut to a part of its text: behind all of that text, if it was written
    /// again, however slowly.
    pub(super) fn decide_left(
        &mut self,
        own: &mut Generation<F::File>,
        mut doubt: Box<Doubt>,
    ) -> bool {
        let Reason::Left { former } = &doubt.reason else {
            return true;
        };
        let is_as_it_was = own
            .check_size(self.fs)
            .and_then(|size| Ok(size >= own.offset && own.consumed.begins(self.fs, &own.file)?));
        let kept = self.kept_of(former, own);
        let (Ok(true), Ok(kept)) = (is_as_it_was, kept) else {
            // The next read shows what happened.
            return true;
        };
        match kept {
            Kept::Lines { end } if end > own.offset => self.go_behind(own, doubt, end),
            // By which bytes it grew can be seen up to the last place that was compared.
            Kept::Part { end, is_all } if is_all && end >= own.offset || own.unread() == 0 => {
                doubt.begin(own.size(), self.now);
                let line = line_at(self.fs, &own.file, end, self.open.line_bytes);
                let known = line.ok().and_then(|line| line.start);
                let further = known.filter(|known| *known > own.offset);
                let has_gone = further.is_some_and(|known| own.go_to(self.fs, known).is_ok());
                // More of the former text may follow.
                let is_former = end == own.size() || has_gone;
                let is_waiting = own.unread() == 0
                    || is_former && !doubt.waited(self.open.rotate_wait(), self.now);
                if doubt.is_over(self.now) || !is_waiting {
                    return true;
                }
                own.doubt = Some(doubt);
                false
            }
            _ => true,
        }
    }

    /// Goes on behind the last lines of the former text, which end there.
    fn go_behind(&mut self, own: &mut Generation<F::File>, doubt: Box<Doubt>, end: u64) -> bool {
        let (path, offset) = (own.path.clone(), own.offset);
        let line_bytes = self.open.line_bytes;
        let is_there = if end == own.consumed.end {
            own.unseal(self.fs).is_ok_and(|is_same| is_same)
        } else {
            own.seek_line(self.fs, end, line_bytes).is_ok()
        };
        if !is_there {
            own.doubt = Some(doubt);
            return false;
        }
        let resume = own.offset;
        (self.events)(FileEvent::Rewritten {
            path,
            offset,
            resume,
        });
        true
    }

    /// Goes on behind the first `end` bytes of the former text, unless a new log may begin with them.
    fn has_gone_behind(&self, own: &mut Generation<F::File>, end: u64) -> bool {
        let line_bytes = self.open.line_bytes;
        end >= FORMER_BYTES && own.seek_line(self.fs, end, line_bytes).is_ok()
    }

    /// Returns whether the text of a file before `end` identifies it.
    fn is_known_until(&self, own: &Generation<F::File>, end: u64) -> bool {
        is_distinctive_until(self.fs, &own.file, end).unwrap_or(false)
    }

    /// Records the consumed part of a file that does not hold it any more. A copy that is found later is read on behind it.
    fn record_former(&mut self, own: &Generation<F::File>) {
        let former = FinishedFile {
            holder: None,
            ..own.finished(self.fs)
        };
        self.history.record(former, self.now);
        self.finder.invalidate();
    }

    /// Returns what a file holds of a text that was its own.
    fn kept_of(&self, former: &Consumed, own: &Generation<F::File>) -> io::Result<Kept> {
        let (fs, size) = (self.fs, own.size());
        #[cfg(test)]
        if is_planted(Fault::NoText) {
            let (end, is_all) = (0, false);
            return Ok(Kept::Part { end, is_all });
        }
        if size >= former.end && former.begins(fs, &own.file)? {
            return Ok(Kept::Lines { end: former.end });
        }
        let head = read_upto(fs, &own.file, 0..HEAD_BYTES as u64)?;
        let was_shredded = former.is_shredded();
        let is_blank = || !head.is_empty() && head.iter().all(|byte| *byte == 0);
        if is_shredded(&head) || was_shredded && is_blank() {
            return Ok(Kept::Shredded { was_shredded });
        }
        let last = &own.last_lines_of(fs, former)?;
        if is_distinctive(last) {
            let end = match find_ending(fs, &own.file, size, last)? {
                None => self.ending_in(own, last)?,
                found => found,
            };
            if let Some(end) = end {
                return Ok(Kept::Lines { end });
            }
        }
        let (end, is_all) = own.kept(fs, former)?;
        let is_all = is_all && size > 0;
        Ok(Kept::Part { end, is_all })
    }
}

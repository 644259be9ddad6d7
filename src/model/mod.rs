//! Types that cross module borders.
//!
//! Invariant: a value of these types is valid by construction; modules rely on it without checks.

mod batch;
pub(crate) mod byte_set;
mod compressed;
mod counted;
pub(crate) mod digits;
mod families;
mod gap;
mod language;
mod native;
mod record;
mod request_ids;
pub mod saved;
mod secret;
mod timeline;
mod timestamp;
mod units;
mod upstream;
pub(crate) mod vector;

pub use batch::{Aside, AsideKind, Batch, GenerationId, Position};
pub use compressed::compressed_ending;
pub use counted::{counted, plural};
pub use families::{Exemplar, Families, Family, Histogram, Kind, Labels, Number, Series, Value};
pub use gap::{Gap, GapBound, GapReason};
pub use language::Language;
pub use native::NativeHistogram;
pub use record::{EXTRAS, Field, FieldSet, Record};
pub use request_ids::{ExemplarId, RequestIds};
pub use saved::{
    Saved, SavedFamily, SavedFiles, SavedFront, SavedFronts, SavedGap, SavedInput, SavedLedger,
    SavedLines, SavedLink, SavedRequest, SavedRoutes, SavedSeries, SavedSide, SavedSource,
};
pub use secret::SecretKey;
pub use timeline::{Change, Course, Timeline, Track};
pub use timestamp::Timestamp;
pub use units::{Bytes, Micros, Status, Unit};
pub use upstream::UpstreamList;

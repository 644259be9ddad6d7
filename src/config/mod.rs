//! The configuration: from TOML to a [`Config`].
//!
//! Invariant: a [`Config`] can be run as it is; every fault of the text is found in one pass.

mod agreement;
mod behind;
mod capacity;
mod exemplars;
mod families;
mod input;
mod keys;
mod labels;
mod limits;
mod load;
mod metrics;
mod nginx_status;
mod paths;
mod patterns;
mod read;
mod routes;
mod source;
mod state;
mod web;

pub use input::Input;
pub use limits::Limits;
pub use load::{Checked, DEFAULT_PATH, LineSettings};
pub use paths::Files;
pub use patterns::{DEFAULT_PATTERNS, find_pattern};
pub use read::Config;
pub use routes::{Resolvers, Routes};
pub use source::Source;
pub use state::State;
pub use web::{DEFAULT_LISTEN, Web};

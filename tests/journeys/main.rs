//! What people do, over all services for real.

mod calls;

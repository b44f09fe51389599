pub mod course;
pub mod event;
pub mod feed;
pub mod projection;
pub mod provider;
pub mod push;
pub mod store;
pub mod wire;

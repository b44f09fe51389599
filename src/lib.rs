pub mod course;
pub mod event;
pub mod provider;

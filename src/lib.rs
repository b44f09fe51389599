pub mod course;
pub mod event;
pub mod generation;
pub mod provider;

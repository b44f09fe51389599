pub mod cli;
pub mod course;
pub mod event;
pub mod provider;

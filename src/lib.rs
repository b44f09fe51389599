pub mod course;
pub mod event;
pub mod postgres;
pub mod provider;

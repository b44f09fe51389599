//! SQL for analysts: the views and their answers, the role that reads them, the questions that come with it, the summary for the
//! page, the dashboard.

mod dashboard;
mod joins;
mod model;
mod questions;
mod role;
mod summary;
mod tools;
mod views;

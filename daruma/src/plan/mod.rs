//! The plan: four steps with their inputs and reasons, as data. What comes before it is cheap, what comes after it only
//! carries it out.
//!
//! A step's key is made of named inputs, never of expected outputs, so that a step that must be redone can say which of
//! its inputs moved.

mod key;
mod steps;

pub use key::{Change, Field, Key, Value};
pub use steps::{Decision, Input, Inputs, Plan, ProcessInput, Step, StepNumber, plan};

#[cfg(test)]
mod tests;

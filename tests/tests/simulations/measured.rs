//! Pictures of what was measured in real time, by commands that their heads name.

use evenkeel_tests::simulation::{Scale, sketch};
use evenkeel_tests::tables;

use super::check;

#[test]
fn measured() {
    for name in ["processes", "beside_envoy"] {
        let text = tables::read(&format!("{name}.txt"));
        check(&format!("{name}.svg"), &sketch(&text, Scale::Columns));
    }
}

//! Every example of README.md is run.

#[test]
fn examples_are_true() {
    trycmd::TestCases::new().case("README.md");
}

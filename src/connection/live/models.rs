//! A text that changes while it is read, under every interleaving.

use super::*;
use crate::engine::sync::{Arc, model, thread};

#[test]
fn a_copy_is_one_of_the_texts_and_comes_to_the_last() {
    model(4, || {
        let live = Arc::new(LiveText::new(vec![1]));
        let reader = {
            let live = Arc::clone(&live);
            thread::spawn(move || {
                let mut copy = TextCopy::default();
                let (first, second) = (copy.of(&live)[0], copy.of(&live)[0]);
                assert!(first <= second, "{first}, {second}");
                copy
            })
        };
        live.set(vec![2]);
        live.set(vec![3]);
        let mut copy = reader.join().expect("the part went well");
        assert_eq!(copy.of(&live), [3]);
    });
}

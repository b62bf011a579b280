use super::*;

const SLOT: u32 = 7;

fn opened() -> (Word, Ownership) {
    let word = Word::new();
    let owner = word.open(SLOT).expect("a new word is closed");
    (word, owner)
}

fn acquired(post: Post) -> Ownership {
    match post {
        Post::Acquired(owner) => owner,
        other => panic!("not acquired: {other:?}"),
    }
}

fn claimed(claim: Claim) -> Ownership {
    match claim {
        Claim::Claimed(owner) => owner,
        other => panic!("not claimed: {other:?}"),
    }
}

#[test]
fn tokens_keep_their_parts() {
    for (slot, generation) in [(0, 0), (1, u32::MAX), (Token::MAX_SLOT, 1), (0x00a5_5a3c, 77)] {
        let token = Token { slot, generation };
        assert_eq!(token.pack() >> 56, 0);
        assert_eq!(Token::unpack(token.pack()), (token, Bits::NONE));
        for bits in [Bits::IN, Bits::OUT.union(Bits::HUP), Bits::TIMER] {
            assert_eq!(Token::unpack(token.pack_with(bits)), (token, bits));
        }
    }
}

#[test]
fn foreign_bits_of_a_packed_token_are_dropped() {
    let (_, bits) = Token::unpack(0x0f << 56);
    assert!(bits.is_empty());
}

#[test]
fn bits_are_a_set() {
    let both = Bits::IN.union(Bits::HUP);
    assert!(both.contains(Bits::IN) && both.contains(Bits::HUP) && !both.contains(Bits::OUT));
    assert!(!Bits::IN.contains(both) && Bits::IN.intersects(both));
    assert!(!Bits::OUT.intersects(both));
    assert_eq!(both.without(Bits::IN), Bits::HUP);
    assert!(Bits::default().is_empty());
}

#[test]
fn a_slot_opens_once_until_it_is_closed() {
    let (word, owner) = opened();
    assert!(word.open_token(SLOT).is_some());
    assert!(word.open(SLOT).is_none());
    assert_eq!(owner.token(), Token { slot: SLOT, generation: 0 });
    word.close(owner);
    assert!(word.open_token(SLOT).is_none());
    assert_eq!(word.generation(), 1);
    let again = word.open(SLOT).expect("closed");
    assert_eq!(again.token().generation, 1);
    assert_eq!(word.release(again).map_err(drop), Ok(()));
}

#[test]
fn a_post_to_an_idle_connection_acquires_it() {
    let (word, owner) = opened();
    let token = owner.token();
    assert!(word.release(owner).is_ok());
    let owner = acquired(word.post(token, Bits::IN));
    assert!(matches!(word.post(token, Bits::HUP), Post::Noted));
    assert_eq!(word.peek_bits(), Bits::IN.union(Bits::HUP));
    assert_eq!(word.take_bits(&owner), Bits::IN.union(Bits::HUP));
    assert_eq!(word.take_bits(&owner), Bits::NONE);
    assert!(word.release(owner).is_ok());
}

#[test]
fn release_refuses_while_bits_are_set() {
    let (word, owner) = opened();
    let token = owner.token();
    assert!(matches!(word.post(token, Bits::TIMER), Post::Noted));
    let owner = word.release(owner).expect_err("a bit is set");
    assert_eq!(word.take_bits(&owner), Bits::TIMER);
    word.leave_bits(&owner, Bits::IN);
    let owner = word.release(owner).expect_err("a bit was left");
    assert_eq!(word.take_bits(&owner), Bits::IN);
    assert!(word.release(owner).is_ok());
}

#[test]
fn the_queue_is_an_owner() {
    let (word, owner) = opened();
    word.leave_bits(&owner, Bits::IN);
    let token = word.enqueue(owner);
    assert!(matches!(word.post(token, Bits::HUP), Post::Noted));
    assert!(matches!(word.claim(token, 0), Claim::Busy));
    let owner = word.dequeue(token).expect("queued");
    assert!(word.dequeue(token).is_none());
    assert_eq!(word.take_bits(&owner), Bits::IN.union(Bits::HUP));
    word.close(owner);
    assert!(word.dequeue(token).is_none());
}

#[test]
fn a_request_is_out_also_while_the_engine_looks_at_it() {
    let (word, owner) = opened();
    assert!(!word.is_out());
    let token = word.hold(owner, 5);
    assert!(word.is_out());
    let owner = word.attend(token).expect("held");
    assert!(word.is_out());
    assert!(word.hold_again(owner).is_ok());
    let owner = claimed(word.claim(token, 5));
    assert!(!word.is_out());
    assert!(word.release(owner).is_ok());
}

#[test]
fn a_held_request_is_claimed_by_its_serial() {
    let (word, owner) = opened();
    let token = word.hold(owner, 5);
    assert!(matches!(word.post(token, Bits::HUP), Post::Held));
    assert!(matches!(word.claim(token, 4), Claim::Gone));
    let stranger = Token { generation: token.generation + 1, ..token };
    assert!(matches!(word.claim(stranger, 5), Claim::Gone));
    let owner = claimed(word.claim(token, 5));
    assert!(matches!(word.claim(token, 5), Claim::Busy));
    assert!(matches!(word.post(token, Bits::IN), Post::Noted));
    word.end_request(&owner, 6);
    assert!(matches!(word.claim(token, 5), Claim::Gone));
    assert!(matches!(word.claim(token, 6), Claim::Busy));
    assert_eq!(word.take_bits(&owner), Bits::IN.union(Bits::HUP));
    assert!(word.release(owner).is_ok());
}

#[test]
fn serials_are_compared_in_24_bits() {
    let (word, owner) = opened();
    let token = word.hold(owner, 0xffff_ffff);
    assert_eq!(word.generation(), 0);
    let owner = claimed(word.claim(token, 0x00ff_ffff));
    word.end_request(&owner, 0x0100_0000);
    assert!(matches!(word.claim(token, 0x00ff_ffff), Claim::Gone));
    assert!(matches!(word.claim(token, 0), Claim::Busy));
    assert_eq!(word.generation(), 0);
    word.close(owner);
}

#[test]
fn a_stale_token_does_nothing() {
    let (word, owner) = opened();
    let old = owner.token();
    word.leave_bits(&owner, Bits::IN);
    word.close(owner);
    for _ in 0..2 {
        assert!(matches!(word.post(old, Bits::IN), Post::Stale));
        assert!(matches!(word.claim(old, 0), Claim::Gone));
        assert!(word.dequeue(old).is_none());
        assert!(word.peek_bits().is_empty());
        // The second time with the next connection in the slot.
        if let Some(owner) = word.open(SLOT) {
            assert!(word.release(owner).is_ok());
        }
    }
    // A token of the right generation, made up before the slot was opened.
    let closed = Word::new();
    assert!(matches!(closed.post(Token { slot: 0, generation: 0 }, Bits::IN), Post::Stale));
}

#[test]
fn the_generation_wraps() {
    let last = Token { slot: SLOT, generation: u32::MAX };
    let word = Word(AtomicU64::new((u64::from(u32::MAX) << GENERATION_SHIFT) | CLOSED));
    let owner = word.open(SLOT).expect("closed");
    assert_eq!(owner.token(), last);
    word.close(owner);
    assert_eq!(word.generation(), 0);
    assert!(matches!(word.post(last, Bits::IN), Post::Stale));
}

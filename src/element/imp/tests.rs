//! What only the inside of the element can bring about.

use super::*;

#[test]
fn a_panic_becomes_an_element_error() {
    gst::init().unwrap();
    let element = glib::Object::new::<crate::element::Rclut>();
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    harness.set_src_caps_str("video/x-raw,format=GRAY8,width=4,height=4,framerate=25/1");
    let poisoned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _state = element.imp().state.lock();
        panic!("to poison the lock");
    }));
    assert!(poisoned.is_err());
    let flow = harness.push(gst::Buffer::with_size(16).unwrap());
    assert_eq!(flow, Err(gst::FlowError::Error));
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!("only errors are popped");
    };
    assert!(error.error().to_string().contains("Panicked"), "{error:?}");
}

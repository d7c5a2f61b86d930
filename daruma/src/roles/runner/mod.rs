//! Step 3 from Debian packages: packages become members, members a layer, and what their scripts would do another.

mod concat;
mod layout;
mod member;
mod paths;

//! Records: what one search leaves behind, as versioned JSON lines.

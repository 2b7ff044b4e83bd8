//! SVG to PNG, with a font of our own, so that a plot has the same pixels on every machine.

use std::sync::Arc;

use resvg::{tiny_skia, usvg};

/// Why a plot has no PNG.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The drawing cannot be read.
    #[error("cannot read the plot: {0}")]
    Svg(#[from] usvg::Error),
    /// It would have no pixel, or more than the memory holds.
    #[error("{width} pixels are no width for a plot: give fewer")]
    Size {
        /// Pixels from left to right.
        width: u32,
    },
    /// The file cannot be made.
    #[error("cannot write PNG: {0}")]
    Encode(String),
}

/// Draws plots as PNG.
#[derive(Clone, Debug)]
pub struct Rasteriser {
    fonts: Arc<usvg::fontdb::Database>,
}

impl Default for Rasteriser {
    fn default() -> Self {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
        fonts.load_font_data(notosans::BOLD_TTF.to_vec());
        // The plots ask for the reader's own sans-serif.
        fonts.set_sans_serif_family(FONT);
        Self { fonts: Arc::new(fonts) }
    }
}

/// The font that the plots get.
const FONT: &str = "Noto Sans";

impl Rasteriser {
    /// The drawing in its light colours, `width` pixels wide, as the bytes of a PNG file.
    ///
    /// # Errors
    /// It is no SVG, or too large.
    pub fn png(&self, svg: &str, width: u32) -> Result<Vec<u8>, PngError> {
        let options =
            usvg::Options { fontdb: Arc::clone(&self.fonts), font_family: FONT.to_owned(), ..usvg::Options::default() };
        let tree = usvg::Tree::from_str(svg, &options)?;
        let scale = width as f32 / tree.size().width();
        let height = (tree.size().height() * scale).ceil() as u32;
        let mut pixels = tiny_skia::Pixmap::new(width, height).ok_or(PngError::Size { width })?;
        resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
        pixels.encode_png().map_err(|e| PngError::Encode(e.to_string()))
    }
}

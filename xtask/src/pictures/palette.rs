//! A picture of few colours weighs a third of one of all colours, and looks the same: what a
//! browser draws is text on some grounds.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use png::{BitDepth, ColorType, Compression, Decoder, Encoder};

type Colour = [u8; 3];

/// Colours of a palette.
const MOST: usize = 256;

/// Writes a picture again, with a palette.
pub(super) fn reduce(path: &Path) -> Result<()> {
    let mut reader = Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().context("a picture without an end")?];
    let frame = reader.next_frame(&mut bytes)?;
    ensure!(frame.bit_depth == BitDepth::Eight, "not a picture of the browser's");
    let samples = frame.color_type.samples();
    ensure!(samples >= 3, "not a picture of the browser's");
    bytes.truncate(frame.buffer_size());
    let pixels = bytes.chunks_exact(samples).filter_map(|it| it.first_chunk::<3>().copied());
    let pixels: Vec<Colour> = pixels.collect();
    let (palette, places) = index(&pixels);
    let draft = path.with_extension("draft");
    let file = BufWriter::new(File::create(&draft)?);
    let mut encoder = Encoder::new(file, frame.width, frame.height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(palette.concat());
    encoder.set_compression(Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header()?.write_image_data(&places)?;
    fs::rename(&draft, path).context("put the smaller picture in its place")
}

/// A palette, and for each pixel the colour of it that is nearest.
fn index(pixels: &[Colour]) -> (Vec<Colour>, Vec<u8>) {
    let mut counts: HashMap<Colour, usize> = HashMap::new();
    for pixel in pixels {
        *counts.entry(*pixel).or_default() += 1;
    }
    let mut sorted: Vec<(Colour, usize)> = counts.into_iter().collect();
    sorted.sort_by_key(|(colour, count)| (std::cmp::Reverse(*count), *colour));
    let palette = choose(&sorted);
    let nearest = |colour: &Colour| {
        let places = palette.iter().zip(0..=u8::MAX);
        places.min_by_key(|(known, _)| distance(known, colour)).map_or(0, |(_, place)| place)
    };
    let places: HashMap<Colour, u8> =
        sorted.iter().map(|(colour, _)| (*colour, nearest(colour))).collect();
    let indexed = pixels.iter().map(|pixel| places.get(pixel).copied().unwrap_or_default());
    (palette.clone(), indexed.collect())
}

/// Half of the colours are those that there are most of. The others are those that are farthest
/// from all that were chosen: there is little of a red word, but grey it is another one.
fn choose(sorted: &[(Colour, usize)]) -> Vec<Colour> {
    let mut palette: Vec<Colour> =
        sorted.iter().take(MOST / 2).map(|(colour, _)| *colour).collect();
    let to_nearest = |colour: &Colour| palette.iter().map(|known| distance(known, colour)).min();
    let mut left: Vec<(Colour, u32)> = sorted
        .iter()
        .skip(MOST / 2)
        .map(|(colour, _)| (*colour, to_nearest(colour).unwrap_or_default()))
        .collect();
    while palette.len() < MOST {
        let Some((farthest, _)) = left.iter().max_by_key(|(_, far)| *far).copied() else { break };
        palette.push(farthest);
        left.retain(|(colour, _)| *colour != farthest);
        for (colour, far) in &mut left {
            *far = (*far).min(distance(&farthest, colour));
        }
    }
    palette
}

/// How different colours are.
fn distance(one: &Colour, other: &Colour) -> u32 {
    one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(*other)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_that_are_rare_become_those_that_are_near() {
        let mut pixels: Vec<Colour> = (0..=255).flat_map(|grey| [[grey, grey, grey]; 2]).collect();
        pixels.push([100, 100, 101]);
        let (palette, indexed) = index(&pixels);
        assert_eq!(palette.len(), MOST);
        let shown: Vec<Colour> = indexed.iter().map(|at| palette[usize::from(*at)]).collect();
        assert_eq!(shown[..512], pixels[..512]);
        assert_eq!(shown[512], [100, 100, 100]);
    }
}

/** Larger contents are packed in chunks, each for itself. */
export const CONTENT_BYTES_MAX = 8 * 1024 * 1024

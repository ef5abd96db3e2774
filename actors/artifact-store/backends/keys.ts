/** Keys that every backend takes: nothing in them means something to a file system, a shell or a URL. */
import { blobErrors } from './errors.ts'

/** Fits a path of any file system together with the folders above it, and an object key of any store. */
const KEY_CHARS_MAX = 200
/** Lower case only (some file systems fold it), and no part that begins with a dot. */
const KEY = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/

/** Returns the key. Error: `BLOB_KEY_INVALID`. */
export function checkKey(key: string): string {
  if (typeof key === 'string' && key.length <= KEY_CHARS_MAX && KEY.test(key)) return key
  throw blobErrors.fail('BLOB_KEY_INVALID', { key })
}

export function checkRange(offset: number, length: number): void {
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
  if (!whole(offset) || !whole(length)) throw new RangeError('offset and length must be whole numbers from 0')
}

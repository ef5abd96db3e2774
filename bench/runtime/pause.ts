/** A moment's rest of who waits in a loop: two cores may be two threads of one, and then it would take from who works. */
const { pause: hint } = Atomics as { readonly pause?: () => void }

export const pause: () => void = hint === undefined ? () => {} : () => hint.call(Atomics)

/** What a full stop may belong to: abbreviations, and words that make a number before them an ordinal. */

/** Abbreviations after which a sentence practically never ends, without their last stop. */
const ABBREVIATIONS = new Set(
  `mr mrs ms dr prof rev hon gen col capt lt sgt st mt messrs mme mlle mgr sen gov pres
   e.g i.e cf viz vs approx esp resp incl excl dept
   z.b d.h u.a i.d.r o.ä u.ä s.o s.u v.a z.t m.e i.a i.allg bzw vgl ca ggf evtl inkl exkl hrsg geb gest sog insb
   bspw allg dipl ing phil hl
   p.ex c.-à-d env
   sr sra srta dra dña ej pág núm uds
   sigg dott avv
   bijv d.w.z o.a m.b.t dhr mevr
   bl.a t.ex d.v.s f.eks t.d
   np tzn tj m.in
   т.е т.к напр г-н`.split(/\s+/),
)

/** Abbreviations only in front of a number: "No. 5", "Abb. 3", "p. 12". */
const BEFORE_NUMBER = new Set(
  'no nos nr art abb abs fig figs eq vol ch chap sec pp p s ss tab kap bd nº n° núm cap jan feb mar apr jun jul aug sep sept oct okt nov dec dez'.split(
    ' ',
  ),
)

/** Words that follow an ordinal number written with a stop: "3. Mai", "19. Jahrhundert". */
const ORDINAL_FOLLOWERS = new Set(
  `januar jänner februar märz april mai juni juli august september oktober november dezember
   jahrhundert jahrhunderts jahrtausend jahrhunderten auflage kapitel klasse stock etage bezirk platz runde tag woche
   marts maj augusti december desember ledna února března dubna května června července srpna září října listopadu
   prosince század`.split(/\s+/),
)

/** `word` in lower case, without its last full stop. */
export function isAbbreviation(word: string): boolean {
  return ABBREVIATIONS.has(word)
}

export function isBeforeNumber(word: string): boolean {
  return BEFORE_NUMBER.has(word)
}

export function isOrdinalContext(next: string): boolean {
  return ORDINAL_FOLLOWERS.has((/^\p{L}+/u.exec(next)?.[0] ?? '').toLowerCase())
}

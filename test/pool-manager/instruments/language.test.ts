/** Language identification: a table of sentences that are not in the samples, scripts, and honest doubt. */
import { describe, expect, test } from 'vitest'
import { CYRILLIC_SAMPLES, LATIN_SAMPLES } from '../../../actors/pool-manager/instruments/language-samples.ts'
import { createLanguageDetector, languageName } from '../../../actors/pool-manager/instruments/language.ts'
import { documents, oddTexts } from './documents.ts'

const SENTENCES: Readonly<Record<string, readonly string[]>> = {
  en: [
    'The harbour is closed until further notice.',
    'Where can I buy a ticket?',
    'Our neighbour keeps seven hives behind the barn.',
    'This medicine should be taken three times a day after meals.',
  ],
  de: [
    'Der Zug nach Hamburg fährt heute von Gleis sieben.',
    'Wo ist der Bahnhof?',
    'Unser Nachbar hält sieben Bienenvölker hinter der Scheune.',
    'Dieses Medikament soll dreimal täglich nach dem Essen eingenommen werden.',
  ],
  fr: [
    'Le train pour Lyon part du quai numéro sept.',
    'Où se trouve la gare ?',
    'Notre voisin a sept ruches derrière la grange.',
    'Ce médicament doit être pris trois fois par jour après les repas.',
  ],
  es: [
    'El tren sale a las siete de la mañana.',
    '¿Dónde está la estación?',
    'Nuestro vecino tiene siete colmenas detrás del granero.',
    'Este medicamento debe tomarse tres veces al día después de las comidas.',
  ],
  it: [
    'Il treno parte alle sette del mattino.',
    'Dove si trova la stazione?',
    'Il nostro vicino ha sette alveari dietro il fienile.',
    'Questo medicinale va preso tre volte al giorno dopo i pasti.',
  ],
  pt: [
    'O comboio parte às sete da manhã.',
    'Onde fica a estação?',
    'O nosso vizinho tem sete colmeias atrás do celeiro.',
    'Este medicamento deve ser tomado três vezes por dia depois das refeições.',
  ],
  nl: [
    'De trein vertrekt om zeven uur vanaf het station.',
    'Waar kan ik een kaartje kopen?',
    'Onze buurman heeft zeven bijenkasten achter de schuur.',
    'Dit geneesmiddel moet driemaal per dag na de maaltijd worden ingenomen.',
  ],
  sv: [
    'Tåget går klockan sju från spår tre.',
    'Var ligger närmaste apotek?',
    'Regeringen vill sänka skatten på elbilar nästa år.',
    'Denna medicin ska tas tre gånger om dagen efter maten.',
  ],
  da: [
    'Toget kører klokken syv fra spor tre.',
    'Hvor ligger det nærmeste apotek?',
    'Regeringen vil sænke skatten på elbiler til næste år.',
    'Denne medicin skal tages tre gange om dagen efter måltidet.',
  ],
  no: [
    'Jeg vil gjerne kjøpe en billett til Bergen.',
    'Regjeringen vil senke avgiften på elbiler neste år.',
    'Søsteren min bor i et lite hus ved havet.',
    'Denne medisinen skal tas tre ganger om dagen etter måltidet.',
    'Toget går klokka sju fra spor tre.',
    'Hvor er det nærmeste apoteket?',
  ],
  fi: [
    'Juna lähtee kello seitsemän raiteelta kolme.',
    'Naapurillamme on seitsemän mehiläispesää ladon takana.',
    'Tätä lääkettä otetaan kolme kertaa päivässä aterian jälkeen.',
  ],
  pl: [
    'Pociąg odjeżdża o godzinie siódmej z toru trzeciego.',
    'Nasz sąsiad ma siedem uli za stodołą.',
    'Ten lek należy przyjmować trzy razy dziennie po posiłku.',
  ],
  cs: [
    'Vlak odjíždí v sedm hodin ze třetí koleje.',
    'Kde je nejbližší lékárna?',
    'Tento lék se užívá třikrát denně po jídle.',
  ],
  ro: [
    'Trenul pleacă la ora șapte de la linia trei.',
    'Vecinul nostru are șapte stupi în spatele hambarului.',
    'Acest medicament se ia de trei ori pe zi după masă.',
  ],
  hu: [
    'A vonat hét órakor indul a harmadik vágányról.',
    'A szomszédunk hét méhkaptárt tart a pajta mögött.',
    'Ezt a gyógyszert naponta háromszor, étkezés után kell bevenni.',
  ],
  tr: [
    'Tren saat yedide üçüncü perondan kalkıyor.',
    'Komşumuzun ahırın arkasında yedi kovanı var.',
    'Bu ilaç günde üç kez yemekten sonra alınmalıdır.',
  ],
  ru: [
    'Поезд отправляется в семь часов с третьего пути.',
    'Где находится ближайшая аптека?',
    'Это лекарство следует принимать три раза в день после еды.',
  ],
  uk: [
    'Потяг вирушає о сьомій годині з третьої колії.',
    'Де знаходиться найближча аптека?',
    'Ці ліки слід приймати тричі на день після їжі.',
  ],
  bg: [
    'Влакът тръгва в седем часа от трети коловоз.',
    'Нашият съсед има седем кошера зад плевнята.',
    'Това лекарство се приема три пъти дневно след хранене.',
  ],
  sr: [
    'Воз полази у седам сати са трећег колосека.',
    'Наш комшија има седам кошница иза штале.',
    'Овај лек се узима три пута дневно после јела.',
  ],
  el: ['Πού είναι ο σταθμός;'],
  he: ['איפה תחנת הרכבת?'],
  ar: ['أين تقع محطة القطار؟'],
  fa: ['ایستگاه قطار کجاست؟'],
  hi: ['रेलवे स्टेशन कहाँ है?'],
  zh: ['火车站在哪里?'],
  ja: ['駅はどこですか。', 'カレーライスをください。'],
  ko: ['기차역이 어디에 있나요?'],
  th: ['สถานีรถไฟอยู่ที่ไหน'],
}

const detector = createLanguageDetector()
const rows = Object.entries(SENTENCES).flatMap(([language, list]) => list.map((text) => ({ language, text })))

describe('the table', () => {
  test('is large enough, and not learned by heart', () => {
    expect(rows.length).toBeGreaterThanOrEqual(75)
    const learned = Object.values({ ...LATIN_SAMPLES, ...CYRILLIC_SAMPLES })
      .join(' ')
      .replace(/\s+/g, ' ')
    expect(rows.filter(({ text }) => learned.includes(text.toLowerCase().replace(/[.?!]/g, '')))).toEqual([])
  })

  test('is answered rightly but for one sentence that could nearly be both', () => {
    const wrong = rows.filter(({ language, text }) => detector.detect(text).language !== language)
    expect(wrong).toEqual([{ language: 'no', text: 'Hvor er det nærmeste apoteket?' }])
    expect(detector.detect(wrong[0]!.text).confidence).toBeLessThan(0.7)
  })

  test('comes with the English name', () => {
    expect(detector.detect(SENTENCES['sr']![0]!)).toMatchObject({ language: 'sr', name: languageName('sr') })
    expect([languageName('pt'), languageName('xx'), languageName('constructor')]).toEqual([
      'Portuguese',
      'xx',
      'constructor',
    ])
  })

  test('every language it knows has a row', () => {
    expect([...detector.languages].sort()).toEqual(Object.keys(SENTENCES).sort())
  })
})

describe('documents', () => {
  test.each(documents)('$name is $language, surely', ({ text, language }) => {
    const guess = detector.detect(text)
    expect(guess.language).toBe(language)
    expect(guess.confidence).toBeGreaterThan(0.99)
  })

  test('a long text is sampled, not only its beginning', () => {
    const german = documents.find((document) => document.language === 'de')!.text
    const text = `${'Hello there, this is the beginning. '.repeat(20)}\n\n${german.repeat(300)}`
    expect(text.length).toBeGreaterThan(1_000_000)
    expect(detector.detect(text).language).toBe('de')
  })
})

describe('doubt', () => {
  test.each(['', '12345 67890', '😀😀', '!?', 'xqzvk wjxq bvnmq zzkrt', 'aGVsbG8gd29ybGQgZm9vYmFy'])(
    '%j is undetermined',
    (text) => {
      expect(detector.detect(text)).toEqual({ language: 'und', name: 'undetermined', confidence: 0 })
    },
  )

  test.each(['ok', 'Hi', 'GPU', 'merci'])('%j leaves it unsure', (text) => {
    expect(detector.detect(text).confidence).toBeLessThan(0.5)
  })

  test('more of the same text never makes it less sure by much', () => {
    const sentence = SENTENCES['nl']![0]!
    expect(detector.detect(sentence.repeat(5)).confidence).toBeGreaterThanOrEqual(detector.detect(sentence).confidence)
  })

  test('a text in two scripts is half sure', () => {
    const { language, confidence } = detector.detect(
      'Где находится ближайшая аптека и банк? Where is the nearest chemist?',
    )
    expect(['ru', 'en']).toContain(language)
    expect(confidence).toBeLessThan(0.7)
  })

  test('confidence is always a share, and odd texts do no harm', () => {
    for (const text of Object.values(oddTexts)) {
      const { confidence } = detector.detect(text)
      expect(confidence).toBeGreaterThanOrEqual(0)
      expect(confidence).toBeLessThanOrEqual(1)
    }
  })
})

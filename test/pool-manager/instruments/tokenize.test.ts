/** Words, sentences and the prose in markup. */
import { describe, expect, test } from 'vitest'
import { foldWord } from '../../../actors/pool-manager/instruments/fold.ts'
import { plainText, proseBlocks } from '../../../actors/pool-manager/instruments/markup.ts'
import { sentences, sentenceSpans, words } from '../../../actors/pool-manager/instruments/tokenize.ts'
import { documents, oddTexts } from './documents.ts'

describe('sentences', () => {
  test.each<readonly [string, readonly string[]]>([
    ['One. Two! Three? Four…', ['One.', 'Two!', 'Three?', 'Four…']],
    [
      'Dr. Smith met Mrs. Jones, e.g. at 5 p.m. on Monday. They left.',
      ['Dr. Smith met Mrs. Jones, e.g. at 5 p.m. on Monday.', 'They left.'],
    ],
    ['It rose to 3.5 m. Then it fell.', ['It rose to 3.5 m.', 'Then it fell.']],
    ['He wrote to J. S. Bach. Nobody answered.', ['He wrote to J. S. Bach.', 'Nobody answered.']],
    ['It loses vitamin C. The rest stays.', ['It loses vitamin C.', 'The rest stays.']],
    [
      'Am 3. Mai im 19. Jahrhundert kam z. B. Herr Meier. Er blieb.',
      ['Am 3. Mai im 19. Jahrhundert kam z. B. Herr Meier.', 'Er blieb.'],
    ],
    ['Siehe Abb. 3 und S. 12 bzw. Kap. 4. Dann weiter.', ['Siehe Abb. 3 und S. 12 bzw. Kap. 4.', 'Dann weiter.']],
    ['“Is it late?” he asked. “No.” She smiled.', ['“Is it late?” he asked.', '“No.”', 'She smiled.']],
    ['»Jetzt!« Dann fuhr er los.', ['»Jetzt!«', 'Dann fuhr er los.']],
    ['Wait ... what? Yes... Well.', ['Wait ... what?', 'Yes...', 'Well.']],
    ['Il est tard. « Vraiment ? » Oui.', ['Il est tard.', '« Vraiment ? »', 'Oui.']],
    ['M. Dupont arrive. No. 5 lives.', ['M. Dupont arrive.', 'No. 5 lives.']],
    ['The answer is no. He left.', ['The answer is no.', 'He left.']],
    ['月亮很亮。潮水上涨!真的吗?', ['月亮很亮。', '潮水上涨!真的吗?']],
    [
      'A title without stop\n\nA sentence. 1. In the list',
      ['A title without stop', 'A sentence.', '1.', 'In the list'],
    ],
    ['', []],
  ])('%j', (text, expected) => {
    expect(sentences(text)).toEqual(expected)
  })

  test('spans tile any text', () => {
    for (const text of [...documents.map((document) => document.text), ...Object.values(oddTexts)]) {
      let at = 0
      for (const { start, end } of sentenceSpans(text)) {
        expect(start).toBe(at)
        expect(end).toBeGreaterThan(start)
        at = end
      }
      expect(at).toBe(text.length)
    }
  })
})

describe('words', () => {
  test('letters, marks and digits, with inner apostrophes and hyphens', () => {
    expect(words("The tide’s half-daily rise – 3 times (naïve) 'quoted' l'eau")).toEqual([
      'The',
      "tide's",
      'half-daily',
      'rise',
      '3',
      'times',
      'naïve',
      'quoted',
      "l'eau",
    ])
    expect(words('cafe\u0301')).toEqual(['café'])
  })

  test('scripts without spaces give pairs; runs that are no words give nothing', () => {
    expect(words('潮汐表')).toEqual(['潮汐', '汐表'])
    expect(words('月')).toEqual(['月'])
    expect(words('x'.repeat(65))).toEqual([])
  })
})

describe('foldWord', () => {
  test.each([
    ['en', ['tide', 'tides', "tide's", 'Tides'], 'tide'],
    ['en', ['company', 'companies'], 'company'],
    ['en', ['glass', 'glasses'], 'glass'],
    ['de', ['Schlange', 'Schlangen'], 'schlang'],
    ['fr', ["l'arbre", 'arbres', 'arbre'], 'arbr'],
    ['es', ['árbol', 'árboles'], 'árbol'],
    ['xx', ['Tide'], 'tide'],
  ])('%s %j', (language, forms, key) => {
    expect(forms.map((form) => foldWord(form, language))).toEqual(forms.map(() => key))
  })

  test('short words keep their ending', () => {
    expect(['gas', 'bus', 'das', 'es'].map((word) => foldWord(word, 'en'))).toEqual(['gas', 'bus', 'das', 'es'])
  })
})

describe('proseBlocks', () => {
  test('keeps what one would read aloud', () => {
    const text = [
      '---\ntitle: x\n---',
      '# A *title* ##',
      'See [the **tide** table](http://a.example/x_(y) "t") and `code`,\nor <b>this</b>&nbsp;one[^1]. ![badge](http://b.example)',
      '<!-- a\n\ncomment -->',
      '```js\nno()\n```',
      '| a | b |\n|---|---|\n| 1 | 2 |',
      '- first item\n- second _item_\n  goes on',
      '> quoted words.',
      'Setext\n======',
      '[1]: http://c.example\n\n***',
      'It is 2*3*4 and snake_case_name at https://d.example/path. C & D',
    ].join('\n\n')
    expect(proseBlocks(text)).toEqual([
      { kind: 'heading', text: 'A title' },
      { kind: 'paragraph', text: 'See the tide table and code, or this one.' },
      { kind: 'item', text: 'first item' },
      { kind: 'item', text: 'second item goes on' },
      { kind: 'paragraph', text: 'quoted words.' },
      { kind: 'heading', text: 'Setext' },
      { kind: 'heading', text: 'It is 2*3*4 and snake_case_name at C & D' },
    ])
  })

  test('a plain text has a title too', () => {
    expect(proseBlocks('Standing in line\n\nA queue forms.')[0]).toEqual({ kind: 'heading', text: 'Standing in line' })
  })

  test('headings keep a # that belongs to them', () => {
    expect(plainText('## C#\n\n## F # sharp ##\n\n#nothing')).toBe('C#\n\nF # sharp\n\n#nothing')
  })

  test('no control characters, no lone surrogates, one line per block, whatever the text', () => {
    for (const text of Object.values(oddTexts)) {
      for (const block of proseBlocks(text)) {
        // oxlint-disable-next-line no-control-regex
        expect(block.text).not.toMatch(/[\u0000-\u001f\u007f]/)
        expect(block.text.isWellFormed()).toBe(true)
        expect(block.text.trim()).toBe(block.text)
      }
    }
  })
})

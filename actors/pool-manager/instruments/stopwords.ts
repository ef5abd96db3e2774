/**
 * Words that carry grammar rather than topic, per language, all lower case. Compact on purpose: function words, forms
 * of the auxiliaries, and the verbs and adverbs so common that they name no subject ("make", "often", "etwa"), and the units of time.
 */

const LISTS: Readonly<Record<string, string>> = {
  en: `a about above across actually after afterwards again against ago all almost alone along already also although always
    am among an and another any anybody anyone anything are aren't around as asks at away back be became because become
    becomes been before began begin begins behind being below beside besides best better between beyond big both bring brings
    brought but by call called calls came can can't cannot come comes coming could couldn't did didn't different do does
    doesn't doing don't done down during each early either else enough etc even ever every everybody everyone everything
    exactly far few find finds first five for found four from full gave general get gets give given gives go goes going
    gone good got great had hadn't half hardly has hasn't have haven't having he hence her here hers herself high him
    himself his how however hundred i i'd i'll i'm i've if in indeed instead into is isn't it it's its itself just keep keeps
    kept kind knew know known knows large largely last late later least left less let lets like little long longer look
    looks lot low made mainly make makes making many matter may maybe me mean means merely might mine mix more most mostly
    much must my myself nearly need needed needs neither never new next no nobody none nor not nothing now of off often old
    on once one ones only onto or other others otherwise ought our ours ourselves out over own part perhaps place please put
    quite rather really right said same saw say says second see seen sees seem seems seldom several shall she should
    shouldn't show showed shows side simply since six small so some somebody someone something sometimes soon still such
    sure take taken takes ten than that that's the their theirs them themselves then there there's therefore these they
    they're thing things think third thirty this those though thousand three through throughout thus till to today together
    told too took toward towards twelve twenty two under unless until up upon us use used uses using usually very want wants
    was wasn't way ways we well went were weren't what whatever when where whereas whether which while who whole whom whose
    why will with within without won't work works would wouldn't yes yet you your yours yourself e.g i.e vs via per
    day days hour hours minute minutes month months second seconds week weeks year years`,
  de: `ab aber abermals ach acht alle allein allem allen aller allerdings alles allmählich als also am an ander andere anderem
    anderen anderer anderes anders auch auf aus ausser außer außerdem bald bei beide beiden beim beinahe bereits besonders
    besser bestimmt bin bis bisher bist blieb bleibt da dabei dadurch dafür dagegen daher dahin damals damit danach daneben dann
    daran darauf daraus darf darin darüber darum darunter das dass dasselbe davon davor dazu dein deine dem demselben den
    denen denn dennoch denselben der deren derselbe derselben des deshalb dessen desto dich die dies diese dieselbe dieselben
    diesem diesen dieser dieses dir doch dort drei drin dritte dritten du durch dürfen ebenfalls ebenso eben eher ein eine
    einem einen einer eines einfach einige einigen einiger einiges einmal eins einzelne einzelnen einzige einzigen entweder er
    erst erste ersten erster es etwa etwas euch euer eure fast folgt früher fünf für gab ganz gar geben gegen gehen geht
    gehört gemacht genau genug genügt gerade gern gestern gewesen gewiss gibt ging gleich gleichen groß große großen großer
    gut gute guten guter habe haben hält hat hatte hatten hätte hätten heißt heute hier hieß hin hinter höchstens ich ihm ihn
    ihnen ihr ihre ihrem ihren ihrer ihres im immer in indem innen ins insgesamt ist ja je jede jedem jeden jeder jedes jedoch
    jemand jene jenem jenen jener jenes jetzt kam kann kaum kein keine keinem keinen keiner keines klein kleine kleinen
    kleines komme kommen kommt können könnte könnten kurz lang lange lassen lässt leicht letzte letzten lieber liegt ließ
    macht machte machen mal man manche manchem manchen mancher manches mehr mehrere mein meine meinem meinen meiner meist
    meisten mich mindestens mir mit mochte möchte möglich muss müssen musste müsste nach nachdem nah nahm nämlich neben nein
    neu neue neuen neuer neues nicht nichts nie niemand nimmt noch nun nur ob oben oder oft ohne paar sagt schon schwer sechs
    sehr sein seine seinem seinen seiner seines seit seither selbst selten sich sicher sie sieben siehe sind so sobald sodass
    sofort sogar solange solch solche solchem solchen solcher soll sollen sollte sollten somit sondern sonst soviel sowie sowohl
    stark statt steht stets tat tun über überhaupt um und unser unsere unserem unseren unter viel viele vielen vieler vielleicht
    vier voll vom von vor voraus vorher während wann war waren wäre wären warum was weder wegen weg weil weit weitere weiteren
    welche welchem welchen welcher welches wem wen wenig wenige wenigen weniger wenn wer werde werden wessen wie wieder will wir
    wird wirklich wirst wo wobei wohin wohl wollen wollte worden worin wurde wurden würde würden zehn zu zudem zuerst zum zumal
    zur zurück zusammen zwanzig zwar zwei zweite zweiten zwischen
    jahr jahre jahren jahres minute minuten monat monate monaten sekunde sekunden stunde stunden tag tage tagen tages woche wochen`,
  fr: `à afin ai aie ailleurs ainsi alors après as assez au aucun aucune aujourd'hui auquel aura auraient aurait auront aussi
    autour autre autres aux auxquelles auxquels avaient avais avait avant avec avez avoir avons ayant beaucoup bien bon bonne
    ça car ce ceci cela celle celles celui cent cependant certain certaine certaines certains ces cet cette ceux chacun chaque
    chez ci cinq comme comment contre d d'abord dans de dedans dehors déjà depuis dernier des dès désormais deux devant doit
    doivent donc dont du durant elle elles en encore enfin ensuite entre environ es est et étaient était étant été être eu eut
    faire fait faut fois font fut grâce grand grande grands hors ici il ils j jamais je jour jusqu jusque l la là laquelle le
    lequel les lesquelles lesquels leur leurs loin lors lorsqu lorsque lui m ma mais malgré me même mêmes mes mieux moins mon n
    ne ni non nos notre nous nouveau on ont or ou où par parce parfois parmi pas pendant petit peu peut peuvent plupart plus
    plusieurs plutôt pour pourquoi pourtant premier première près presque puis puisqu puisque qu quand quatre que quel quelle
    quelles quelque quelques quels qui quoi s sa sans sauf se selon sera seront ses seul seulement si sinon sois soit son sont
    sous souvent suis sur surtout t ta tant te tel telle telles tels tes toi ton toujours tous tout toute toutes très trois trop
    tu un une va vers voici voilà vont vos votre vous y`,
  es: `a acá ahí ahora al algo algún alguna algunas alguno algunos allá allí ambos ante antes aquel aquella aquellas aquello
    aquellos aquí así aun aún aunque bajo bastante bien cada casi cierto cinco como cómo con conmigo contra cual cuál cuales
    cualquier cuando cuándo cuanto cuatro cuya cuyo da de debe deben debido decir del demás dentro desde después día dice donde
    dónde dos durante e él el ella ellas ello ellos en encima entonces entre era eran eres es esa esas ese eso esos esta está
    estaba estaban estado están estar estas este esto estos estoy fin fue fueron gran grande ha había habían haber hace hacen hacer
    hacia han has hasta hay he hecho hemos hoy incluso ir jamás junto la las le les lo los luego más mayor me mediante mejor menos
    mi mientras mis mismo misma mismos mucha muchas mucho muchos muy nada nadie ni ningún ninguna ninguno no nos nosotros nuestra
    nuestro nueva nuevo nunca o os otra otras otro otros para parte pero poca poco pocos podía por porque pues puede pueden qué que
    quien quién quienes sea según segundo ser si sí sido siempre sin sino sobre sólo solo son soy su sus tal también tampoco tan
    tanto te tenía tener tiene tienen toda todas todavía todo todos tras tres tu tú tus un una unas uno unos usted va varios veces
    vez y ya yo`,
  it: `a ad ai al alcune alcuni all alla alle allo allora altra altre altri altro anche ancora anzi appena assai attraverso avere
    aveva avevano ben bene c che chi ci ciascuno ciò cioè circa coi col come con contro cosa così cui d da dagli dai dal dall dalla
    dalle davanti degli dei del dell della delle dello dentro di dietro dopo dove dovrebbe due dunque durante e è ecco ed egli ella
    era erano essa esse essere essi fa faceva fanno fare fatto fin fino fra fu furono già gli grande grandi ha hai hanno ho i il in
    infatti inoltre insieme invece io l la là le lei li lì lo loro lui lungo ma mai me meglio meno mentre mi mia mio molta molte
    molti molto ne né negli nei nel nell nella nelle nello nessun nessuna nessuno niente noi non nostra nostro nulla nuova nuovo o
    od oggi ogni ognuno oltre oppure ora ossia per perché perciò perfino però più poca poche pochi poco poi possono prima primo
    proprio può pure qua qualche quale quali qualcosa quando quanto quasi quattro quel quella quelle quelli quello questa queste
    questi questo qui quindi s sarà se secondo sei sempre senza sì sia siamo siano sino so solo sono sopra soprattutto sotto spesso
    sta stata state stati stato stesso stessa su sua sue sugli sui sul sull sulla sulle suo suoi tale tali tanto te ti tra tre troppo
    tu tua tutta tutte tutti tutto un una uno va verso vi via viene voi volta volte vostro`,
  pt: `a à acerca agora ainda além algo algum alguma algumas alguns ali ambos ante antes ao aos apenas após aquela aquelas aquele
    aqueles aquilo aqui as às assim até através bastante bem boa bom cada caso cerca cinco coisa com como contra contudo cuja
    cujo da daquele dar das de debaixo dela dele deles demais dentro depois desde dessa desse desta deste deve devem dia disso disto
    diz do dois dos duas durante e é ela elas ele eles em embora enquanto então entre era eram essa essas esse esses esta está
    estamos estão estar estas estava estavam este estes eu fazer faz fez foi fora foram grande há hoje isso isto já lá lhe lhes
    logo longe mais mas me mediante meio melhor menos mesma mesmo meu meus minha muita muitas muito muitos na nada não nas nem
    nenhum nenhuma nessa nesse nesta neste ninguém no nos nós nossa nosso nova novo num numa nunca o onde ontem os ou outra outras
    outro outros para parte pela pelas pelo pelos perto pode podem pois por porém porque pouca pouco poucos primeira primeiro
    própria próprio quais qual qualquer quando quanto quase quatro que quem quer são se segundo seja sem sempre sendo ser será
    seu seus si sido sob sobre sua suas tal talvez também tanto tão te tem têm tendo ter teve ti tinha tinham toda todas todavia
    todo todos três tu tudo um uma umas uns vai vem vez vezes você vocês`,
  nl: `aan achter af al alle alleen alles als altijd ander andere anders ben beide bij bijna binnen boven buiten daar daarna daarom
    daarvan dan dat de deze die dit doch doen doet door drie dus echter een eens eerst eerste elk elkaar elke en enige enkele er
    erg ervan even ga gaan gaat gedaan geen gekomen geweest geworden goed goede groot grote had hadden haar heb hebben heeft heel
    hem hen het hier hij hoe hoewel hun iedere iedereen ieder iemand iets ik in is ja je jij jou jouw juist kan klein kleine komen
    komt kon konden kunnen kwam laat lang langs later laten liever maakt maar maken me meer meest men met mij mijn minder moest
    moet moeten mocht mogelijk mogen na naar naast nadat net niemand niet niets nieuw nieuwe nog nooit nu of om omdat onder ons
    onze ook op opnieuw over paar per precies reeds rond samen sinds soms staat steeds tegen ten ter terug terwijl te toch toen tot
    tussen twee uit van vanaf veel vele verder vier volgens voor vooral voordat vroeger waar waarbij waarin waarom wanneer want
    waren was wat we weer weg weinig wel welke werd werden wie wij wil wilde worden wordt zal ze zeer zelf zelfs zich zij zijn
    zo zoals zodat zonder zou zouden zowel`,
}

const sets: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(LISTS).map(([language, list]) => [language, new Set(list.split(/\s+/))]),
)

const everywhere: ReadonlySet<string> = new Set([...sets.values()].flatMap((set) => [...set]))

/**
 * Whether `word` (lower case) carries no topic in `language`. For a language without a list the short words stand in
 * for one: in every alphabet the most frequent words are the shortest.
 */
export function isStopword(word: string, language: string): boolean {
  const set = sets.get(language)
  return set === undefined ? word.length <= 3 && !/\p{Script=Han}/u.test(word) : set.has(word)
}

/** Whether `word` is on the list of any language: for text whose language is not known or not asked. */
export function isStopwordAnywhere(word: string): boolean {
  return everywhere.has(word)
}

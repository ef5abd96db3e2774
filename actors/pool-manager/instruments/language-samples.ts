/**
 * What the language identifier learns from: everyday and technical prose, written for this purpose, that uses the function words,
 * endings and letter sequences which make each language recognisable. Free of names and topics on purpose, so that a
 * profile says "Danish" and not "cooking"; where neighbours are close or words are long, a list of the commonest words
 * follows. All lower case; punctuation does not matter.
 */

/** Languages in Latin script, told apart by their profiles. */
export const LATIN_SAMPLES: Readonly<Record<string, string>> = {
  en: `the people who lived in that house were always friendly, and they would often ask us whether we had eaten before we came.
    i think that this is the right way to do it, but you should not believe everything which has been said about them. there
    was nothing left when she went back through the garden, because her brother had already taken what he wanted. it is known
    that children learn more from what they see than from what they are told. if the weather gets better we might go out for a
    walk along the river, where the water runs between high trees and the light falls on the old stones. many of these things
    could have been done earlier; however, nobody knew how much time it would take. his father used to say that every morning
    brings something new, and those who wait for good luck will have to wait for years. please let me know when you are ready
    and how many people should be there with you at the next meeting. the work must be finished within the month, which means
    that each of us has to help with it. what does she think about their answer, and why did they give it so late at night?
    hello and thank you, good morning, good night; yes, of course, we're glad that you've come. he says it's too late, isn't it?
    this section describes the options of the program, its requirements and the most common problems. to install the package, run the following
    command, then open the configuration file and change the value that you need. every function returns an object which contains the result and
    a description of the error. the general information in this document is available under an open license; contributions, corrections and
    questions are welcome. use of these definitions, images and examples in other applications is permitted, provided that the source is
    mentioned. a generation of different tests and types makes sure that the current version is fast, simple and correct.`,
  de: `die leute, die in diesem haus wohnten, waren immer freundlich, und sie fragten uns oft, ob wir schon gegessen hätten, bevor
    wir kamen. ich glaube, dass das der richtige weg ist, aber du sollst nicht alles glauben, was über sie gesagt worden ist. es war
    nichts mehr übrig, als sie durch den garten zurückging, weil ihr bruder schon genommen hatte, was er wollte. man weiß, dass
    kinder mehr von dem lernen, was sie sehen, als von dem, was man ihnen erzählt. wenn das wetter besser wird, könnten wir am
    fluss entlang spazieren gehen, wo das wasser zwischen hohen bäumen fließt und das licht auf die alten steine fällt. vieles davon
    hätte man früher machen können; allerdings wusste niemand, wie viel zeit es brauchen würde. sein vater sagte gern, jeder morgen
    bringe etwas neues, und wer auf glück wartet, der müsse jahre warten. bitte gib mir bescheid, wann du fertig bist und wie viele
    menschen bei der nächsten sitzung dabei sein sollen. die arbeit muss noch in diesem monat beendet werden, das heißt, jeder von uns
    hat dabei zu helfen. was denkt sie über ihre antwort, und warum haben sie die so spät in der nacht gegeben? zwischen uns ist
    einfach nichts geschehen, auch wenn manche leute das gegenteil behaupten und schreiben.
    dieser abschnitt beschreibt die einstellungen des programms, seine voraussetzungen und die häufigsten probleme. um das paket zu
    installieren, führen sie den folgenden befehl aus, öffnen sie dann die konfigurationsdatei und ändern sie den gewünschten wert. jede
    funktion gibt ein objekt zurück, das das ergebnis und eine beschreibung des fehlers enthält. die allgemeinen informationen in diesem
    dokument stehen unter einer freien lizenz; beiträge, verbesserungen und fragen sind willkommen. verschiedene prüfungen stellen sicher, dass
    die aktuelle version schnell, einfach und richtig ist.`,
  fr: `les gens qui vivaient dans cette maison étaient toujours aimables, et ils nous demandaient souvent si nous avions mangé avant de
    venir. je pense que c'est la bonne manière de le faire, mais il ne faut pas croire tout ce qu'on a dit d'eux. il ne restait plus
    rien quand elle est revenue par le jardin, parce que son frère avait déjà pris ce qu'il voulait. on sait que les enfants apprennent
    davantage de ce qu'ils voient que de ce qu'on leur raconte. si le temps devient meilleur, nous pourrions nous promener le long de la
    rivière, où l'eau coule entre de grands arbres et où la lumière tombe sur les vieilles pierres. beaucoup de ces choses auraient pu
    être faites plus tôt ; cependant personne ne savait combien de temps il faudrait. son père disait que chaque matin apporte quelque
    chose de nouveau, et que ceux qui attendent la chance devront attendre des années. dites-moi quand vous serez prêts et combien de
    personnes seront avec vous à la prochaine réunion. le travail doit être terminé dans le mois, ce qui veut dire que chacun d'entre nous
    doit y aider. que pense-t-elle de leur réponse, et pourquoi l'ont-ils donnée si tard dans la nuit ? c'était une journée très longue.
    cette section décrit les options du programme, les conditions requises et les problèmes les plus courants. pour installer le paquet,
    exécutez la commande suivante, puis ouvrez le fichier de configuration et modifiez la valeur souhaitée. chaque fonction renvoie un objet qui
    contient le résultat et une description de l'erreur. les informations générales de ce document sont disponibles sous une licence libre ; les
    contributions, corrections et questions sont les bienvenues. différents essais garantissent que la version actuelle est rapide, simple et
    correcte.`,
  es: `la gente que vivía en aquella casa era siempre amable, y a menudo nos preguntaban si habíamos comido antes de venir. creo que esta
    es la manera correcta de hacerlo, pero no debes creer todo lo que se ha dicho sobre ellos. no quedaba nada cuando ella volvió por el
    jardín, porque su hermano ya se había llevado lo que quería. se sabe que los niños aprenden más de lo que ven que de lo que les
    cuentan. si mejora el tiempo, podríamos salir a pasear a lo largo del río, donde el agua corre entre árboles altos y la luz cae
    sobre las viejas piedras. muchas de estas cosas se podrían haber hecho antes; sin embargo, nadie sabía cuánto tiempo haría falta. su
    padre solía decir que cada mañana trae algo nuevo, y que quienes esperan la buena suerte tendrán que esperar años. por favor, dime
    cuándo estás listo y cuántas personas deben estar contigo en la próxima reunión. el trabajo tiene que estar terminado dentro del mes,
    lo que significa que cada uno de nosotros ha de ayudar. ¿qué piensa ella de su respuesta, y por qué la dieron tan tarde por la
    noche? entonces hay que decir también que los hijos de mi hermana llegaron ayer y que mañana se marchan con muchos amigos.
    esta sección describe las opciones del programa, sus requisitos y los problemas más comunes. para instalar el paquete, ejecute la siguiente
    orden, después abra el archivo de configuración y cambie el valor deseado. cada función devuelve un objeto que contiene el resultado y una
    descripción del error. la información general de este documento está disponible bajo una licencia libre; se agradecen las contribuciones,
    correcciones y preguntas. distintas pruebas garantizan que la versión actual es rápida, sencilla y correcta.`,
  it: `la gente che viveva in quella casa era sempre gentile, e spesso ci chiedevano se avevamo mangiato prima di venire. penso che questo
    sia il modo giusto di farlo, ma non devi credere a tutto quello che è stato detto su di loro. non era rimasto più niente quando lei
    tornò attraverso il giardino, perché suo fratello aveva già preso quello che voleva. si sa che i bambini imparano di più da ciò che
    vedono che da ciò che gli viene raccontato. se il tempo migliora potremmo fare una passeggiata lungo il fiume, dove l'acqua scorre
    tra alberi alti e la luce cade sulle vecchie pietre. molte di queste cose si sarebbero potute fare prima; tuttavia nessuno sapeva
    quanto tempo ci sarebbe voluto. suo padre diceva sempre che ogni mattina porta qualcosa di nuovo, e che chi aspetta la fortuna
    dovrà aspettare degli anni. per favore fammi sapere quando sei pronto e quante persone devono essere con te alla prossima riunione. il
    lavoro deve essere finito entro il mese, il che significa che ognuno di noi deve aiutare. che cosa pensa lei della loro risposta, e
    perché l'hanno data così tardi nella notte? anche gli altri della famiglia sono arrivati ieri e ripartono domani con degli amici.
    questa sezione descrive le opzioni del programma, i requisiti e i problemi più comuni. per installare il pacchetto, eseguire il seguente
    comando, poi aprire il file di configurazione e cambiare il valore desiderato. ogni funzione restituisce un oggetto che contiene il
    risultato e una descrizione dell'errore. le informazioni generali di questo documento sono disponibili con una licenza libera; contributi,
    correzioni e domande sono benvenuti. diverse prove assicurano che la versione attuale sia veloce, semplice e corretta.`,
  pt: `as pessoas que viviam naquela casa eram sempre simpáticas, e muitas vezes perguntavam-nos se já tínhamos comido antes de vir. acho
    que esta é a maneira certa de o fazer, mas não deves acreditar em tudo o que foi dito sobre eles. não restava nada quando ela voltou
    pelo jardim, porque o irmão já tinha levado o que queria. sabe-se que as crianças aprendem mais com aquilo que veem do que com aquilo
    que lhes contam. se o tempo melhorar, poderíamos sair para passear ao longo do rio, onde a água corre entre árvores altas e a luz
    cai sobre as velhas pedras. muitas dessas coisas poderiam ter sido feitas mais cedo; no entanto, ninguém sabia quanto tempo seria
    necessário. o pai dele costumava dizer que cada manhã traz alguma coisa nova, e que quem espera pela sorte terá de esperar anos. por
    favor, diga-me quando você estiver pronto e quantas pessoas devem estar com você na próxima reunião. o trabalho tem de estar terminado
    dentro do mês, o que significa que cada um de nós tem de ajudar. o que pensa ela da resposta deles, e por que a deram tão tarde à
    noite? então é preciso dizer também que os filhos da minha irmã chegaram ontem e amanhã vão embora com muitos amigos. são coisas boas.
    esta seção descreve as opções do programa, os seus requisitos e os problemas mais comuns. para instalar o pacote, execute o seguinte
    comando, depois abra o ficheiro de configuração e altere o valor desejado. cada função devolve um objeto que contém o resultado e uma
    descrição do erro. as informações gerais deste documento estão disponíveis sob uma licença livre; contribuições, correções e perguntas são
    bem-vindas. diferentes testes garantem que a versão atual é rápida, simples e correta.`,
  nl: `de mensen die in dat huis woonden waren altijd vriendelijk, en ze vroegen ons vaak of we al gegeten hadden voordat we kwamen. ik denk
    dat dit de juiste manier is om het te doen, maar je moet niet alles geloven wat er over hen gezegd is. er was niets meer over toen zij
    door de tuin terugging, omdat haar broer al had meegenomen wat hij wilde. men weet dat kinderen meer leren van wat ze zien dan van wat
    hun verteld wordt. als het weer beter wordt, zouden we langs de rivier kunnen gaan wandelen, waar het water tussen hoge bomen stroomt
    en het licht op de oude stenen valt. veel van deze dingen hadden eerder gedaan kunnen worden; niemand wist echter hoeveel tijd het zou
    kosten. zijn vader zei graag dat elke ochtend iets nieuws brengt, en dat wie op geluk wacht jaren zal moeten wachten. laat mij alsjeblieft
    weten wanneer je klaar bent en hoeveel mensen er bij de volgende vergadering moeten zijn. het werk moet binnen de maand af zijn, wat
    betekent dat ieder van ons moet helpen. wat vindt zij van hun antwoord, en waarom hebben ze dat zo laat in de nacht gegeven? het is
    namelijk zo dat wij daar nooit eerder geweest zijn, ook al schrijven sommigen het tegendeel. vandaag blijven we thuis met onze vrienden.
    deze paragraaf beschrijft de instellingen van het programma, de vereisten en de meest voorkomende problemen. om het pakket te installeren
    voert u de volgende opdracht uit, daarna opent u het configuratiebestand en wijzigt u de gewenste waarde. elke functie geeft een object
    terug dat het resultaat en een beschrijving van de fout bevat. de algemene informatie in dit document is beschikbaar onder een vrije
    licentie; bijdragen, verbeteringen en vragen zijn welkom. verschillende proeven zorgen ervoor dat de huidige versie snel, eenvoudig en juist
    is.`,
  sv: `människorna som bodde i det huset var alltid vänliga, och de frågade oss ofta om vi hade ätit innan vi kom. jag tror att det här är
    det rätta sättet att göra det på, men du ska inte tro på allt som har sagts om dem. det fanns ingenting kvar när hon gick tillbaka
    genom trädgården, eftersom hennes bror redan hade tagit vad han ville ha. man vet att barn lär sig mer av vad de ser än av vad de får
    höra. om vädret blir bättre skulle vi kunna gå ut och promenera längs ån, där vattnet rinner mellan höga träd och ljuset faller på de
    gamla stenarna. mycket av detta kunde ha gjorts tidigare; ingen visste dock hur mycket tid det skulle ta. hans far brukade säga att
    varje morgon för något nytt med sig, och att den som väntar på lycka får vänta i många år. var snäll och säg till när du är klar och
    hur många som ska vara med på nästa möte. arbetet måste vara färdigt inom en månad, vilket betyder att var och en av oss måste
    hjälpa till. vad tycker hon om deras svar, och varför gav de det så sent på natten? också vi stannar hemma i dag och äter tillsammans.
    vecka efter vecka åker bussen från staden klockan åtta, och då är det mycket folk på gatan. nu vill jag gärna veta varför boken inte
    ligger kvar på bordet, för någon måste ha flyttat den. kvinnan frågade efter vägen till sjukhuset, men mannen förstod inte språket. ett
    företag köper nästan alltid det billigaste, även om kvaliteten blir sämre. vem är det som ringer, och när får vi träffas igen?
    jag du han hon den det vi ni de mig dig honom henne oss er dem min mitt mina din ditt sin sitt vår vårt våra en ett inte och eller men för
    från med utan mot mellan under över efter vid litet liten små stor stort bor syster mor son dotter år dag natt hur var när vad här där bara
    mycket också
    det här avsnittet beskriver programmets inställningar, dess krav och de vanligaste problemen. för att installera paketet kör du följande
    kommando, öppnar sedan filen och ändrar det värde som behövs. varje funktion ger tillbaka ett resultat och en beskrivning av felet. den
    allmänna informationen är tillgänglig under en fri licens; bidrag, rättelser och frågor är välkomna.`,
  da: `de mennesker, der boede i det hus, var altid venlige, og de spurgte os ofte, om vi havde spist, inden vi kom. jeg tror, at det her er
    den rigtige måde at gøre det på, men du skal ikke tro på alt, hvad der er blevet sagt om dem. der var ikke noget tilbage, da hun gik
    tilbage gennem haven, fordi hendes bror allerede havde taget, hvad han ville have. man ved, at børn lærer mere af, hvad de ser, end af,
    hvad de får at vide. hvis vejret bliver bedre, kunne vi gå en tur langs åen, hvor vandet løber mellem høje træer, og lyset falder på de
    gamle sten. meget af dette kunne have været gjort tidligere; ingen vidste dog, hvor lang tid det ville tage. hans far plejede at sige, at
    hver morgen bringer noget nyt, og at den, der venter på lykken, må vente i mange år. vær venlig at sige til, når du er færdig, og hvor
    mange der skal være med til næste møde. arbejdet skal være færdigt inden for en måned, hvilket betyder, at hver af os må hjælpe til. hvad
    synes hun om deres svar, og hvorfor gav de det så sent om natten? også vi bliver hjemme i dag og spiser sammen med nogle af vores venner,
    selv om ingen af dem har tid af sig selv. det blev sagt meget tydeligt, efter at de havde været uden for byen.
    uge efter uge kører bussen fra byen klokken otte, og så er der mange folk på gaden. nu vil jeg gerne vide, hvorfor bogen ikke længere
    ligger på bordet, for nogen må have flyttet den. kvinden spurgte om vej til sygehuset, men manden forstod ikke sproget. en virksomhed
    køber næsten altid det billigste, selv om kvaliteten bliver dårligere. hvem er det, der ringer, og hvornår kan vi ses igen? der er ikke
    så meget at gøre ved det nu, og derfor bliver vi nødt til at tage af sted uden jer og købe billetter på vejen hjem.
    jeg du han hun den det vi de mig dig ham hende os jer dem min mit mine din dit sin sit vores en et ikke og eller men for fra med uden mod
    mellem under over efter ved lille små stor stort bor søster mor søn datter år dag nat hvordan hvor hvornår hvad her der kun meget også
    dette afsnit beskriver programmets indstillinger, dets krav og de mest almindelige problemer. for at installere pakken kører du følgende
    kommando, åbner derefter filen og ændrer den værdi, der er brug for. hver funktion giver et resultat og en beskrivelse af fejlen tilbage. de
    almindelige oplysninger er tilgængelige under en fri licens; bidrag, rettelser og spørgsmål er velkomne.`,
  no: `menneskene som bodde i det huset var alltid vennlige, og de spurte oss ofte om vi hadde spist før vi kom. jeg tror at dette er den
    riktige måten å gjøre det på, men du skal ikke tro på alt som har blitt sagt om dem. det var ingenting igjen da hun gikk tilbake gjennom
    hagen, fordi broren hennes allerede hadde tatt det han ville ha. man vet at barn lærer mer av det de ser enn av det de får høre. hvis
    været blir bedre, kunne vi gå en tur langs elva, der vannet renner mellom høye trær og lyset faller på de gamle steinene. mye av dette
    kunne ha vært gjort tidligere; ingen visste imidlertid hvor lang tid det ville ta. faren hans pleide å si at hver morgen bringer noe nytt,
    og at den som venter på lykken, må vente i mange år. vær så snill å si fra når du er ferdig, og hvor mange som skal være med på neste møte.
    arbeidet må være ferdig innen en måned, noe som betyr at hver og en av oss må hjelpe til. hva synes hun om svaret deres, og hvorfor ga de
    det så sent på natta? også vi blir hjemme i dag og spiser sammen med noen av vennene våre, selv om ingen av dem har tid til seg selv. det
    ble sagt veldig tydelig etter at de hadde vært utenfor byen, uten at noen visste hvorfor.
    uke etter uke kjører bussen fra byen klokka åtte, og da er det mange folk på gata. nå vil jeg gjerne vite hvorfor boka ikke lenger
    ligger på bordet, for noen må ha flyttet den. kvinnen spurte om veien til sykehuset, men mannen forsto ikke språket. et selskap kjøper
    nesten alltid det billigste, selv om kvaliteten blir dårligere. hvem er det som ringer, og når kan vi møtes igjen? det er ikke så mye
    å gjøre med det nå, og derfor blir vi nødt til å dra av sted uten dere og kjøpe billettene på veien hjem.
    jeg du han hun den det vi dere de meg deg ham henne oss dem min mi mitt mine din ditt sin sitt vår vårt våre en ei et ikke og eller men for
    fra med uten mot mellom under over etter ved lite liten små stor stort bor søster søsteren mor moren sønnen datteren år dag natt hvordan
    hvor når hva her der bare mye også
    dette avsnittet beskriver innstillingene til programmet, kravene og de vanligste problemene. for å installere pakken kjører du følgende
    kommando, åpner deretter filen og endrer verdien som trengs. hver funksjon gir tilbake et resultat og en beskrivelse av feilen. den
    generelle informasjonen er tilgjengelig under en fri lisens; bidrag, rettelser og spørsmål er velkomne.`,
  fi: `ihmiset, jotka asuivat siinä talossa, olivat aina ystävällisiä, ja he kysyivät meiltä usein, olimmeko syöneet ennen kuin tulimme.
    luulen, että tämä on oikea tapa tehdä se, mutta sinun ei pidä uskoa kaikkea, mitä heistä on sanottu. mitään ei ollut jäljellä, kun hän
    palasi puutarhan läpi, koska hänen veljensä oli jo ottanut mitä halusi. tiedetään, että lapset oppivat enemmän siitä, mitä he näkevät,
    kuin siitä, mitä heille kerrotaan. jos sää paranee, voisimme lähteä kävelylle joen vartta pitkin, missä vesi virtaa korkeiden puiden
    välissä ja valo lankeaa vanhoille kiville. paljon tästä olisi voitu tehdä aikaisemmin; kukaan ei kuitenkaan tiennyt, kuinka paljon
    aikaa siihen kuluisi. hänen isänsä tapasi sanoa, että jokainen aamu tuo jotakin uutta ja että onnea odottava saa odottaa vuosia. kerro
    minulle, kun olet valmis ja kuinka monta ihmistä pitäisi olla mukana seuraavassa kokouksessa. työn täytyy olla valmis kuukauden
    kuluessa, mikä tarkoittaa, että jokaisen meistä on autettava. mitä hän ajattelee heidän vastauksestaan, ja miksi he antoivat sen niin
    myöhään yöllä? me myös jäämme tänään kotiin ja syömme yhdessä ystävien kanssa, vaikka niillä on kiire.
    minä sinä hän me te he se tämä tuo minun sinun hänen meidän on ei oli ovat olen jos kun mutta tai koska vaan missä mihin miksi kuka mikä
    vain vielä nyt sitten kanssa ilman ennen jälkeen alla päällä välillä vuosi päivä yö talo iso pieni`,
  pl: `ludzie, którzy mieszkali w tym domu, byli zawsze życzliwi i często pytali nas, czy jedliśmy, zanim przyszliśmy. myślę, że to jest
    właściwy sposób, żeby to zrobić, ale nie powinieneś wierzyć we wszystko, co o nich powiedziano. nic już nie zostało, kiedy wróciła przez
    ogród, ponieważ jej brat wziął już to, czego chciał. wiadomo, że dzieci uczą się więcej z tego, co widzą, niż z tego, co im się mówi.
    jeśli pogoda się poprawi, moglibyśmy pójść na spacer wzdłuż rzeki, gdzie woda płynie między wysokimi drzewami, a światło pada na stare
    kamienie. wiele z tych rzeczy można było zrobić wcześniej; nikt jednak nie wiedział, ile czasu to zajmie. jego ojciec mawiał, że każdy
    ranek przynosi coś nowego, a ten, kto czeka na szczęście, będzie musiał czekać lata. proszę, daj mi znać, kiedy będziesz gotowy i ile
    osób powinno być z tobą na następnym spotkaniu. praca musi być skończona w ciągu miesiąca, co znaczy, że każdy z nas ma pomóc. co ona
    sądzi o ich odpowiedzi i dlaczego dali ją tak późno w nocy? również my zostajemy dzisiaj w domu i jemy razem z przyjaciółmi.
    ja ty on ona ono my wy oni mnie ciebie jego jej nas was ich mój twój nasz wasz jeden jedna od do za na z bez pod nad przed po przez między
    jest nie ma był była było będzie i lub ale jeśli kto co gdzie kiedy dlaczego jak kilka rok dzień noc dom duży mały najbliższy`,
  cs: `lidé, kteří bydleli v tom domě, byli vždycky přátelští a často se nás ptali, jestli jsme jedli, než jsme přišli. myslím, že tohle je
    správný způsob, jak to udělat, ale neměl bys věřit všemu, co o nich bylo řečeno. nic už nezbylo, když se vrátila zahradou, protože její
    bratr si už vzal, co chtěl. ví se, že děti se učí více z toho, co vidí, než z toho, co se jim říká. pokud se počasí zlepší, mohli bychom
    jít na procházku podél řeky, kde voda teče mezi vysokými stromy a světlo dopadá na staré kameny. mnoho z těch věcí se dalo udělat dříve;
    nikdo však nevěděl, kolik času to zabere. jeho otec říkával, že každé ráno přináší něco nového a že ten, kdo čeká na štěstí, bude muset
    čekat roky. prosím, dej mi vědět, až budeš hotový a kolik lidí by mělo být s tebou na příští schůzce. práce musí být hotová do měsíce,
    což znamená, že každý z nás musí pomoci. co si myslí o jejich odpovědi a proč ji dali tak pozdě v noci? také my dnes zůstáváme doma a
    jíme společně s přáteli, i když nemají skoro žádný čas. byla to velmi dlouhá cesta, ale už je po všem.
    já ty on ona ono my vy oni mě tebe jeho její nás vás jich můj tvůj náš váš jeden jedna od do za na s bez pod nad před po přes mezi je není
    má byl byla bylo bude a nebo ale jestli kdo co kde kdy proč jak několik rok den noc dům velký malý nejlepší sedm hodin`,
  ro: `oamenii care locuiau în casa aceea erau întotdeauna prietenoși și ne întrebau adesea dacă am mâncat înainte de a veni. cred că acesta
    este modul corect de a o face, dar nu trebuie să crezi tot ce s-a spus despre ei. nu mai rămăsese nimic când ea s-a întors prin grădină,
    pentru că fratele ei luase deja ceea ce voia. se știe că cei mici învață mai mult din ceea ce văd decât din ceea ce li se povestește. dacă
    vremea se face mai bună, am putea ieși la plimbare de-a lungul râului, unde apa curge printre copaci înalți și lumina cade pe pietrele
    vechi. multe dintre aceste lucruri ar fi putut fi făcute mai devreme; totuși nimeni nu știa cât timp va dura. tatăl lui spunea că fiecare
    dimineață aduce ceva nou și că acela care așteaptă norocul va trebui să aștepte ani întregi. te rog să-mi spui când ești gata și câte
    persoane ar trebui să fie cu tine la următoarea întâlnire. munca trebuie terminată în cursul lunii, ceea ce înseamnă că fiecare dintre
    noi are de ajutat. ce crede ea despre răspunsul lor și de ce l-au dat atât de târziu în noapte? și noi rămânem astăzi acasă.
    această secțiune descrie opțiunile programului, cerințele și cele mai frecvente probleme. pentru a instala pachetul, rulați comanda
    următoare, apoi deschideți fișierul de configurare și schimbați valoarea dorită. fiecare funcție returnează un obiect care conține
    rezultatul și o descriere a erorii. informațiile generale din acest document sunt disponibile sub o licență liberă.`,
  hu: `azok az emberek, akik abban a házban laktak, mindig barátságosak voltak, és gyakran megkérdezték tőlünk, hogy ettünk-e, mielőtt jöttünk.
    azt hiszem, ez a helyes módja annak, hogy megtegyük, de nem kell mindent elhinned, amit róluk mondtak. már semmi sem maradt, amikor a
    kerten át visszament, mert a testvére már elvitte, amit akart. tudjuk, hogy a gyerekek többet tanulnak abból, amit látnak, mint abból,
    amit mondanak nekik. ha jobb lesz az idő, elmehetnénk sétálni a folyó mentén, ahol a víz magas fák között folyik, és a fény a régi kövekre
    esik. sok mindent korábban is meg lehetett volna csinálni; senki sem tudta azonban, mennyi időbe telik majd. az apja azt szokta mondani,
    hogy minden reggel hoz valami újat, és aki a szerencsére vár, annak évekig kell várnia. kérlek, szólj, ha készen vagy, és hány embernek
    kell veled lennie a következő találkozón. a munkát egy hónapon belül be kell fejezni, ami azt jelenti, hogy mindannyiunknak segítenie
    kell. mit gondol a válaszukról, és miért adták olyan későn éjszaka? mi is itthon maradunk ma, és együtt eszünk a barátainkkal.
    én te ő mi ti ők engem téged őt minket az a egy ez azt ezt nem van volt lesz és vagy de ha ki mit hol hová mikor miért hogyan néhány csak
    még már most aztán nélkül előtt után alatt fölött mögött között év nap éjszaka ház nagy kicsi legjobb`,
  tr: `o evde yaşayan insanlar her zaman güler yüzlüydü ve bize sık sık gelmeden önce yemek yiyip yemediğimizi sorarlardı. bence bunu yapmanın
    doğru yolu budur, ama onlar hakkında söylenen her şeye inanmamalısın. bahçeden geri döndüğünde hiçbir şey kalmamıştı, çünkü kardeşi
    istediğini çoktan almıştı. çocukların kendilerine anlatılanlardan çok gördüklerinden öğrendiği bilinir. hava düzelirse suyun yüksek
    ağaçların arasından aktığı ve ışığın eski taşların üzerine düştüğü nehir boyunca yürüyüşe çıkabiliriz. bunların birçoğu daha önce
    yapılabilirdi; ancak ne kadar zaman alacağını kimse bilmiyordu. babası her sabahın yeni bir şey getirdiğini ve şansı bekleyenin yıllarca
    beklemek zorunda kalacağını söylerdi. lütfen hazır olduğunda bana haber ver ve bir sonraki toplantıda seninle kaç kişinin olması
    gerektiğini söyle. iş bir ay içinde bitirilmeli, bu da her birimizin yardım etmesi gerektiği anlamına geliyor. onların cevabı hakkında ne
    düşünüyor ve neden gece bu kadar geç verdiler? biz de bugün evde kalıyoruz ve arkadaşlarımızla birlikte yemek yiyoruz.
    ben sen o biz siz onlar beni seni onu bizim sizin benim senin onun bir bu şu değil var yok idi olacak ve veya ama eğer kim ne nerede nereye
    niçin nasıl birkaç sadece henüz şimdi sonra önce altında üstünde arkasında arasında yıl gün gece ev büyük küçük için ile kadar`,
}

/** Languages in Cyrillic script. */
export const CYRILLIC_SAMPLES: Readonly<Record<string, string>> = {
  ru: `люди, которые жили в этом доме, всегда были приветливы и часто спрашивали нас, ели ли мы, прежде чем пришли. я думаю, что это
    правильный способ это сделать, но не стоит верить всему, что о них было сказано. ничего уже не осталось, когда она вернулась через сад,
    потому что её брат уже взял то, что хотел. известно, что дети больше учатся на том, что видят, чем на том, что им рассказывают. если
    погода улучшится, мы могли бы пойти гулять вдоль реки, где вода течёт между высокими деревьями и свет падает на старые камни. многое из
    этого можно было сделать раньше; однако никто не знал, сколько времени это займёт. его отец говорил, что каждое утро приносит что-то
    новое и что тому, кто ждёт счастья, придётся ждать годы. пожалуйста, дай мне знать, когда ты будешь готов и сколько человек должно быть
    с тобой на следующей встрече. эта работа должна быть закончена в течение месяца. мы тоже остаёмся сегодня дома и едим вместе с друзьями.
    я ты он она оно мы вы они меня тебя него неё нас вас их мой твой наш ваш один одна одно от до за на с без под над перед после через между
    есть нет был была были будет не и или но если кто что где когда почему как несколько год день ночь дом большой маленький только ещё уже
    сейчас потом у нашего вашего`,
  uk: `люди, які жили в цьому будинку, завжди були привітні й часто питали нас, чи ми їли, перш ніж прийшли. я думаю, що це правильний спосіб
    це зробити, але не варто вірити всьому, що про них було сказано. нічого вже не залишилося, коли вона повернулася через сад, тому що її
    брат уже взяв те, що хотів. відомо, що діти більше вчаться з того, що бачать, ніж з того, що їм розповідають. якщо погода покращиться, ми
    могли б піти гуляти вздовж річки, де вода тече між високими деревами і світло падає на старе каміння. багато з цього можна було зробити
    раніше; проте ніхто не знав, скільки часу це забере. його батько казав, що кожен ранок приносить щось нове і що той, хто чекає на щастя,
    муситиме чекати роками. будь ласка, дай мені знати, коли ти будеш готовий і скільки людей має бути з тобою на наступній зустрічі. цю
    роботу треба закінчити протягом місяця. ми теж залишаємося сьогодні вдома і їмо разом із друзями, хоча в них майже немає часу.
    я ти він вона воно ми ви вони мене тебе його її нас вас їх мій твій наш ваш один одна одне від до за на з без під над перед після через між
    є немає був була були буде не і або але якщо хто що де коли чому як кілька рік день ніч дім великий малий тільки ще вже зараз потім у нашого
    вашого`,
  bg: `хората, които живееха в тази къща, бяха винаги любезни и често ни питаха дали сме яли, преди да дойдем. мисля, че това е правилният начин
    да се направи, но не бива да вярваш на всичко, което се е казало за тях. не беше останало нищо, когато тя се върна през градината, защото
    брат ѝ вече беше взел това, което искаше. знае се, че децата учат повече от това, което виждат, отколкото от това, което им се разказва. ако
    времето се оправи, бихме могли да излезем на разходка край реката, където водата тече между високи дървета и светлината пада върху старите
    камъни. много от тези неща можеха да се направят по-рано; никой обаче не знаеше колко време ще отнеме. баща му казваше, че всяка сутрин
    носи нещо ново и че който чака щастието, ще трябва да чака години. моля, кажи ми кога ще бъдеш готов и колко души трябва да бъдат с теб на
    следващата среща. работата трябва да бъде завършена до един месец. ние също оставаме днес вкъщи и ядем заедно с приятелите си.
    аз ти той тя то ние вие те мен теб него нея нас вас тях моят твоят нашият вашият един една едно от до за на с със без под над пред зад след
    през между има няма бил била били ще да не и или но ако кой коя какво къде кога защо как няколко година ден нощ дом голям малък само още
    вече сега после`,
  sr: `људи који су живели у тој кући били су увек љубазни и често су нас питали да ли смо јели пре него што смо дошли. мислим да је ово прави
    начин да се то уради, али не треба да верујеш свему што је о њима речено. ништа више није остало када се она вратила кроз башту, јер је њен
    брат већ узео оно што је хтео. зна се да деца више уче од онога што виде него од онога што им се прича. ако се време поправи, могли бисмо да
    идемо у шетњу дуж реке, где вода тече између високог дрвећа и светлост пада на старо камење. многе од тих ствари могле су да се ураде раније;
    нико, међутим, није знао колико ће времена требати. његов отац је говорио да свако јутро доноси нешто ново и да онај ко чека срећу мора да
    чека годинама. молим те, јави ми када будеш спреман и колико људи треба да буде са тобом на следећем састанку. посао мора бити завршен у року од
    месец дана. и ми данас остајемо код куће и једемо заједно са пријатељима.
    ја ти он она оно ми ви они мене тебе њега нас вас њих мој твој наш ваш један једна једно од до за на с са без под над пред иза после кроз
    између има нема био била били биће не и или али ако ко шта где када зашто како неколико година дан ноћ дом велики мали само још већ сада
    онда`,
}

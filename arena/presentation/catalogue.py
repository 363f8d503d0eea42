"""Every text of the public pages, English and Russian side by side, so that neither can be forgotten.

`{name}` is filled in by the caller; several forms of a counted noun are separated by `|`: English one|other|other,
Russian one|few|many. Values are plain text: escaping belongs to the template that shows them.
"""

from __future__ import annotations

from typing import Final

from arena.presentation.language import Language, integer, plural_form
from arena.presentation.texts.closed import SECTIONS
from arena.presentation.texts.codes import CODES
from arena.presentation.texts.queue import QUEUE
from arena.presentation.texts.tables import TABLES

TEXTS: Final[dict[str, tuple[str, str]]] = {
    **CODES,
    **SECTIONS,
    **QUEUE,
    **TABLES,
    # navigation and page furniture
    "site": ("Arena", "Арена"),
    "tagline": (
        "Rapid contests between radiology-AI products on sealed studies",
        "Быстрые испытания сервисов ИИ для лучевой диагностики на закрытых исследованиях",
    ),
    "nav.leaderboard": ("Leaderboard", "Рейтинг"),
    "nav.algorithm": ("Algorithm", "Алгоритм"),
    "nav.queue": ("Live queue", "Очередь"),
    "nav.rules": ("Rules", "Правила"),
    "choose.challenge": ("Challenge", "Конкурс"),
    "choose.phase": ("Phase", "Этап"),
    "choose.entry": ("Algorithm", "Алгоритм"),
    "choose.entries": ("Entries on the charts", "Участники на графиках"),
    "choose.entries_none": ("Choose up to five entries", "Выберите до пяти участников"),
    "choose.finding": ("Finding", "Признак"),
    "choose.language": ("Language", "Язык"),
    "footer.plain": ("Plain page", "Простая версия"),
    "footer.full": ("Interactive board", "Интерактивная версия"),
    "footer.csv": ("CSV", "CSV"),
    "footer.json": ("JSON", "JSON"),
    "footer.link": ("Link to this view", "Ссылка на эту страницу"),
    "footer.api": ("API", "API"),
    "noscript": (
        "This board needs JavaScript. The plain page shows the same results without it.",
        "Для этой страницы нужен JavaScript. Простая версия показывает те же результаты без него.",
    ),
    # time and counts
    "span.days": ("{count} day|{count} days|{count} days", "{count} день|{count} дня|{count} дней"),
    "span.hours": ("{count} hour|{count} hours|{count} hours", "{count} час|{count} часа|{count} часов"),
    "span.minutes": ("{count} minute|{count} minutes|{count} minutes", "{count} минуту|{count} минуты|{count} минут"),
    "span.seconds": (
        "{count} second|{count} seconds|{count} seconds",
        "{count} секунду|{count} секунды|{count} секунд",
    ),
    "count.studies": (
        "{count} hidden study|{count} hidden studies|{count} hidden studies",
        "{count} закрытое исследование|{count} закрытых исследования|{count} закрытых исследований",
    ),
    "count.patients": (
        "{count} patient|{count} patients|{count} patients",
        "{count} пациент|{count} пациента|{count} пациентов",
    ),
    "count.entries": (
        "{count} entry|{count} entries|{count} entries",
        "{count} участник|{count} участника|{count} участников",
    ),
    "seconds": ("{number} s", "{number} с"),
    "mebibytes": ("{number} MiB", "{number} МиБ"),
    "milliseconds": ("{number} ms", "{number} мс"),
    # the state of a phase
    "phase.open": ("Open", "Открыт"),
    "phase.closed": ("Closed", "Закрыт"),
    "phase.upcoming": ("Not yet open", "Ещё не открыт"),
    "phase.evaluating": ("Being evaluated", "Идёт оценка"),
    "phase.closes_in": ("closes in {span}, {moment}", "закроется через {span}, {moment}"),
    "phase.closed_at": ("since {moment}", "с {moment}"),
    "phase.opens_in": ("opens in {span}, {moment}", "откроется через {span}, {moment}"),
    "phase.follows_in": (
        "starts by itself in {span}, {moment}, when the phase before it closes",
        "начнётся через {span}, {moment}, когда закроется предыдущий этап",
    ),
    "phase.evaluating_since": (
        "the chosen entries are being evaluated since {moment}",
        "выбранные участники оцениваются с {moment}",
    ),
    "as_of": ("results as of {moment}", "результаты на {moment}"),
    # the leaderboard
    "column.rank": ("Rank", "Место"),
    "column.rank_note": ("95 % range", "95 % диапазон"),
    "column.algorithm": ("Algorithm", "Алгоритм"),
    "column.vendor": ("Vendor", "Разработчик"),
    "column.auc": ("Macro AUC", "Средняя AUC"),
    "column.interval": ("95 % interval", "95 % ДИ"),
    "column.cases": ("Cases", "Случаи"),
    "column.answers": ("Answers", "Ответы"),
    "column.latency": ("Time per case", "Время на случай"),
    "column.when": ("Submitted", "Подано"),
    "rank.none": ("unranked", "вне зачёта"),
    "rank.range": ("{low}–{high}", "{low}–{high}"),
    "rank.only": ("only {rank}", "только {rank}"),
    "auc.interval": ("{value} (95 % interval {low} to {high})", "{value} (95 % ДИ от {low} до {high})"),
    "auc.range": ("{low} to {high}", "от {low} до {high}"),
    "auc.alone": ("{value} (no interval)", "{value} (без ДИ)"),
    "auc.none": ("no value", "нет значения"),
    "value.why": ("No value: {reason}", "Нет значения: {reason}"),
    "answers.all": ("all answered", "ответы на все случаи"),
    "answers.share": ("{percent} % {outcome}", "{percent} % {outcome}"),
    "latency.median": ("median {median}", "медиана {median}"),
    "latency.p95": ("95 % within {p95}", "95 % за {p95}"),
    "latency.none": ("not timed", "время не измеряется"),
    "missing.worst": ("failures count as worst", "сбой считается худшим ответом"),
    "missing.half": ("failures count as probability one half", "сбой считается вероятностью 1/2"),
    "missing.exclude_case": ("failures are left out", "сбои исключаются"),
    "missing.fail_entry": ("one failure leaves an entry without a score", "один сбой оставляет участника без оценки"),
    "scale.label": (
        "Macro AUC from {low} to {high}; dashed line: chance, 0.5",
        "Средняя AUC от {low} до {high}; пунктир — случайное угадывание, 0,5",
    ),
    "scale.header": ("AUC and interval, drawn", "AUC и ДИ на рисунке"),
    "scale.plain": ("Macro AUC from {low} to {high}", "Средняя AUC от {low} до {high}"),
    "legend.tied": ("not separable from the first", "неотличимы от первого"),
    "legend.rest": ("below the first", "ниже первого"),
    # sentences under the table
    "rule.entry.best": (
        "One entry for each vendor: the best of its submissions.",
        "От каждого разработчика — один участник: лучшая из его заявок.",
    ),
    "rule.entry.last": (
        "One entry for each vendor: the last of its submissions.",
        "От каждого разработчика — один участник: последняя из его заявок.",
    ),
    "rule.entry.chosen": (
        "One entry for each vendor: the submission that it chose.",
        "От каждого разработчика — один участник: заявка, которую он выбрал.",
    ),
    "rule.entry.shown_best": (
        (
            "One entry for each vendor: the best that it has been shown. While the phase is open, a new best is shown "
            "only if it is better by more than {eta} and by more than one standard error of the difference."
        ),
        (
            "От каждого разработчика — один участник: лучшая из показанных заявок. Пока этап открыт, новая лучшая "
            "показывается, только если она лучше более чем на {eta} и более чем на одну стандартную ошибку разности."
        ),
    ),
    "rule.macro": (
        "Macro AUC is the plain mean of the AUC over the findings; the unit of intervals is the patient. {missing}.",
        "Средняя AUC — среднее арифметическое AUC по признакам; ДИ — доверительный интервал по пациентам. {missing}.",
    ),
    "rule.ties": (
        (
            "An entry stands below another only where the paired comparison supports it (adjusted by {adjusted}, α = "
            "{alpha}). "
            "Entries that share a rank are listed by score; the small range is the 95 % set of ranks."
        ),
        (
            "Участник стоит ниже другого, только если это подтверждает парное сравнение (поправка {adjusted}, α = "
            "{alpha}). "
            "Участники с одним местом идут по убыванию оценки; мелким шрифтом — 95 % доверительное множество мест."
        ),
    ),
    "rule.open": (
        "While the phase is open, only this rounded score is public: curves and findings appear when it has closed.",
        "Пока этап открыт, публикуется только эта округлённая оценка: кривые и признаки — после его закрытия.",
    ),
    # charts of a closed phase
    "charts.title": ("By finding", "По признакам"),
    "chart.forest": ("AUC with 95 % interval: {finding}", "AUC с 95 % ДИ: {finding}"),
    "chart.roc": ("ROC curves with 95 % bands: {finding}", "ROC-кривые с 95 % полосами: {finding}"),
    "chart.fpr": ("1 − specificity", "1 − специфичность"),
    "chart.tpr": ("Sensitivity", "Чувствительность"),
    "chart.roc_alt": ("ROC curves of {entries} for {finding}", "ROC-кривые ({finding}): {entries}"),
    "chart.forest_alt": ("AUC with intervals for {finding}: {entries}", "AUC с 95 % ДИ ({finding}): {entries}"),
    "chart.counts": (
        "{positive} of {total} studies show the finding.",
        "Признак есть в {positive} из {total} исследований.",
    ),
    "chart.chance": ("Grey strokes: chance, 0.5.", "Серые штрихи — случайное угадывание, 0,5."),
    "chart.forest_note": (
        "Comparisons by finding are exploratory and move no rank.",
        "Сравнения по отдельным признакам — поисковые и на места не влияют.",
    ),
    "chart.roc_note": (
        "Bands are pointwise 95 % limits of the sensitivity; the dashed diagonal is chance.",
        "Полосы — поточечные 95 % границы чувствительности; пунктирная диагональ — случайное угадывание.",
    ),
    # an algorithm
    "entry.by": ("by {vendor}", "разработчик: {vendor}"),
    "entry.rank": ("rank {rank} of {count}", "место {rank} из {count}"),
    "entry.ranked_range": ("95 % range {low}–{high}", "95 % диапазон {low}–{high}"),
    "entry.facts": ("Fact sheet", "Паспорт"),
    "entry.findings": ("By finding", "По признакам"),
    "entry.history": ("History", "История"),
    "entry.image": ("Image digest", "Дайджест образа"),
    "entry.size": ("Image archive", "Архив образа"),
    "entry.mode": ("Mode", "Режим"),
    "entry.limits": ("Limits of a shard", "Пределы на порцию"),
    "entry.limits_text": (
        "{memory} MiB memory, {cpus} CPU, {gpus} GPU, {seconds} a case, {startup} to start",
        "память {memory} МиБ, CPU: {cpus}, GPU: {gpus}, {seconds} на случай, {startup} на запуск",
    ),
    "entry.sandbox": ("Sandbox", "Песочница"),
    "entry.sandbox_text": (
        "What holds its containers in is told here as soon as it has been evaluated.",
        "Ограничения, в которых работают его контейнеры, будут показаны здесь после оценки.",
    ),
    "sandbox.runtime": ("Runtime", "Среда запуска"),
    "sandbox.standard": ("the host's kernel, filtered", "ядро хоста с фильтром"),
    "sandbox.gvisor": ("gVisor, a kernel of its own", "gVisor, собственное ядро"),
    "sandbox.memory": ("Memory", "Память"),
    "sandbox.memory_text": ("{mib} MiB, no swap", "{mib} МиБ, без подкачки"),
    "sandbox.cpus": ("CPUs", "Процессоры"),
    "sandbox.pids": ("Processes and threads", "Процессы и потоки"),
    "sandbox.network": ("Network", "Сеть"),
    "sandbox.none": ("none", "нет"),
    "sandbox.calls": ("System calls", "Системные вызовы"),
    "sandbox.calls_text": ("only those of profile {profile}", "только из профиля {profile}"),
    "sandbox.privileges": ("Privileges", "Привилегии"),
    "sandbox.privileges_text": (
        "no capabilities, none to be gained, read-only root, a random account",
        "никаких, и получить их нельзя; файлы только для чтения, случайная учётная запись",
    ),
    "sandbox.kernel": ("Held by the kernel", "Подтверждено ядром"),
    "sandbox.seen": ("as asked, looked at before the first case", "как задано, проверено до первого случая"),
    "sandbox.seen_in_part": (
        "as asked, in the containers that could be looked at; not all could",
        "как задано, в проверенных контейнерах; проверить удалось не все",
    ),
    "sandbox.unseen": ("could not be looked at from the host", "с хоста проверить не удалось"),
    "sandbox.policy": ("Digest of the rules", "Дайджест правил"),
    "entry.outcomes": ("Outcomes", "Исходы"),
    "entry.latency": ("Time per case", "Время на случай"),
    "entry.complete": ("Macro AUC without missing answers", "Средняя AUC без учёта пропущенных ответов"),
    "entry.submitted": ("Submitted", "Подано"),
    "entry.evaluated": ("Evaluated", "Оценено"),
    "entry.permalink": ("Permanent link", "Постоянная ссылка"),
    "entry.findings_later": (
        "Numbers by finding appear when the phase has closed.",
        "Оценки по признакам появятся после закрытия этапа.",
    ),
    "entry.not_better": (
        (
            "{phase}: not better than the shown best, or than chance, by more than {eta}. "
            "Its numbers appear when the phase has closed."
        ),
        (
            "{phase}: не лучше показанной лучшей заявки или случайного угадывания более чем на {eta}. "
            "Оценки появятся после закрытия этапа."
        ),
    ),
    "entry.not_listed": (
        "This submission is on no leaderboard yet.",
        "Эта заявка пока не вошла ни в один рейтинг.",
    ),
    "history.phase": ("Phase", "Этап"),
    "history.entry": ("Entry", "Заявка"),
    "history.state": ("State", "Состояние"),
    "finding.name": ("Finding", "Признак"),
    "finding.cases": ("Positive / all", "С признаком / все"),
    "finding.auc": ("AUC", "AUC"),
    "finding.threshold": ("Threshold", "Порог"),
    "finding.sensitivity": ("Sensitivity", "Чувствительность"),
    "finding.specificity": ("Specificity", "Специфичность"),
    "finding.ppv": ("PPV", "ПЦПР"),
    "finding.npv": ("NPV", "ПЦОР"),
    "finding.brier": ("Brier score", "Оценка Брайера"),
    "finding.outside": ("outside the macro", "не входит в среднее"),
    "finding.note": (
        "PPV and NPV hold for this set's share of positives. Cells give the value and its 95 % interval.",
        "ПЦПР и ПЦОР относятся к доле исследований с признаком в этом наборе. В ячейке — значение и его 95 % ДИ.",
    ),
    # outcomes of cases
    "outcome.ok": ("answered", "с ответом"),
    "outcome.timed_out": ("timed out", "превышений времени"),
    "outcome.invalid_answer": ("invalid answer", "недопустимых ответов"),
    "outcome.no_answer": ("no answer", "без ответа"),
    "outcome.abstained": ("abstained", "отказов от ответа"),
    "outcome.crashed": ("crashed", "аварийных остановок"),
    "outcome.out_of_memory": ("out of memory", "нехватки памяти"),
    "outcome.output_quota": ("output too large", "превышений объёма вывода"),
    "outcome.not_reached": ("not reached", "не рассмотрено"),
    "outcome.not_run": ("not run", "не запущено"),
    # the rules
    "rules.version": ("Version {number}, valid from {moment}", "Версия {number}, действует с {moment}"),
    "rules.organiser": ("Organiser", "Организатор"),
    "rules.source": ("Studies", "Исследования"),
    "rules.modality": ("Modality", "Модальность"),
    "rules.text": ("Rules", "Правила"),
    "rules.phases": ("Calendar", "Календарь"),
    "rules.opens": ("Opens", "Открытие"),
    "rules.closes": ("Closes", "Закрытие"),
    "rules.set": ("Case set", "Набор"),
    "split.sample": ("sample", "образцы"),
    "split.public": ("public", "открытый"),
    "split.final": ("final", "итоговый"),
    "rules.quota": ("Submissions for each vendor", "Заявок от разработчика"),
    "rules.quota_text": ("{day} a day, {total} in all", "{day} в день, всего {total}"),
    "rules.quota_none": ("none: the chosen entries of “{phase}”", "нет: выбранные участники этапа «{phase}»"),
    "rules.after": ("after “{phase}”", "после этапа «{phase}»"),
    "rules.findings": ("Findings and thresholds", "Признаки и пороги"),
    "rules.code": ("Code in answers", "Код в ответах"),
    "rules.limits": ("Limits", "Пределы"),
    "rules.limit": ("Limit", "Предел"),
    "rules.value": ("Value", "Значение"),
    "rules.headers": ("Header elements shown besides the published list", "Элементы заголовка сверх общего списка"),
    "rules.headers_none": ("None.", "Нет."),
    "limit.cases_per_shard": ("Cases in a shard", "Случаев в порции"),
    "limit.startup_seconds": ("Start until ready", "Запуск до готовности"),
    "limit.shutdown_seconds": ("End of input until exit", "Завершение после ввода"),
    "limit.case_seconds": ("Time per case", "Время на случай"),
    "limit.total_seconds": ("Time per shard", "Время на порцию"),
    "limit.memory_mib": ("Memory, MiB", "Память, МиБ"),
    "limit.cpus": ("CPUs", "Процессоры"),
    "limit.gpus": ("GPUs", "Ускорители"),
    "limit.pids": ("Processes and threads", "Процессы и потоки"),
    "limit.tmp_mib": ("/tmp, MiB", "/tmp, МиБ"),  # noqa: S108 - the name of a limit
    "limit.shm_mib": ("/dev/shm, MiB", "/dev/shm, МиБ"),  # noqa: S108 - the name of a limit
    "limit.output_mib": ("Output per case, MiB", "Вывод на случай, МиБ"),
    "limit.answer_kib": ("Answer line, KiB", "Строка ответа, КиБ"),
    "limit.restarts": ("Restarts", "Перезапуски"),
    # empty states and errors
    "empty.challenges": ("No challenge is open here yet.", "Здесь пока нет конкурсов."),
    "empty.challenges_next": (
        "The organiser opens one with: arena challenge open FOLDER",
        "Организатор открывает конкурс командой: arena challenge open ПАПКА",
    ),
    "empty.entries": ("No entry has been scored in this phase yet.", "На этом этапе пока нет оценённых участников."),
    "empty.entries_open": (
        "Submit one with: arena submit. The rules page tells how a container is run.",
        "Подать заявку: arena submit. Как запускается контейнер, описано в правилах.",
    ),
    "empty.entries_upcoming": (
        "Submissions are taken once the phase has opened.",
        "Заявки принимаются после открытия этапа.",
    ),
    "empty.entries_follows": (
        "It takes no submissions: when the phase before it closes, the chosen entries are evaluated by themselves.",
        "Заявки здесь не принимаются: после закрытия предыдущего этапа выбранные участники оцениваются автоматически.",
    ),
    "empty.entries_evaluating": (
        "Results are published when all chosen entries have been scored.",
        "Результаты выйдут, когда будут оценены все выбранные участники.",
    ),
    "empty.entries_closed": (
        "The phase closed without a scored entry.",
        "Этап закрылся без оценённых участников.",
    ),
    "empty.queue": (
        "Nothing is waiting and nothing is running.",
        "Очередь пуста: никто не ждёт, ничего не выполняется.",
    ),
    "empty.entry": (
        "Choose an algorithm in the list or on the leaderboard to see its scores and its fact sheet.",
        "Выберите алгоритм в списке или в рейтинге, чтобы увидеть его оценки и паспорт.",
    ),
    "empty.charts": (
        "Choose one entry at least to draw its curve.",
        "Выберите хотя бы одного участника, чтобы увидеть кривую.",
    ),
    "empty.rules": (
        "This challenge has no text of rules in this language.",
        "Для этого конкурса нет текста правил на этом языке.",
    ),
    "unknown": ("There is no “{value}” here; this is what there is.", "Здесь нет «{value}»; показано то, что есть."),
    "unknown.here": ("There is no “{value}” here.", "Здесь нет «{value}»."),
    "unknown.next": (
        "The address may be mistyped. The leaderboard shows what there is.",
        "Возможно, в адресе ошибка. Что есть, показано в рейтинге.",
    ),
    "error.store": (
        "Results cannot be read at the moment. Please try again in a minute.",
        "Результаты сейчас недоступны. Попробуйте через минуту.",
    ),
}


def text(key: str, language: Language, **facts: object) -> str:
    """Return a text in a language with its facts filled in.

    Raises:
        KeyError: The catalogue lacks the key, or the text names a fact that was not given.
    """
    wording = TEXTS[key][1 if language is Language.RU else 0].format(**facts)
    return wording.replace(" %", "\N{NO-BREAK SPACE}%")


def counted(key: str, number: int, language: Language) -> str:
    """Return a counted noun in the form that the number takes."""
    forms = TEXTS[key][1 if language is Language.RU else 0].split("|")
    return forms[plural_form(number, language)].format(count=integer(number, language))

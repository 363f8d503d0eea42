"""Texts of a closed phase: sections, tables with how each is read, their columns, pictures, empty states."""

from __future__ import annotations

from typing import Final

SECTIONS: Final[dict[str, tuple[str, str]]] = {
    "section.findings": ("By finding", "По признакам"),
    "section.ranks": ("Ranks", "Места"),
    "section.pairs": ("Comparisons", "Сравнения"),
    "section.robustness": ("Other rules", "Другие правила"),
    "section.more": ("Further", "Прочее"),
    "section.accuracy": ("Accuracy", "Точность"),
    "section.thresholds": ("Thresholds", "Пороги"),
    "section.calibration": ("Calibration", "Калибровка"),
    "section.clinic": ("In the clinic", "В клинике"),
    "section.norm": ("Autonomous norm", "Автономная норма"),
    "section.test": ("Calibration test", "Калибровочный тест"),
    "section.subgroups": ("Subgroups", "Подгруппы"),
    "section.label": ("Part of the results", "Раздел результатов"),
    "table.csv": ("CSV of this table", "CSV этой таблицы"),
    "picture.csv": ("CSV of these numbers", "CSV с этими числами"),
    "picture.csv_of": ("CSV: {name}", "CSV: {name}"),
    "table.cut": (
        "The first {shown} of {total} lines; the file has all of them.",
        "Первые {shown} из {total} строк; в файле все.",
    ),
    "table.methods": ("How each number is found", "Как рассчитаны показатели"),
    "table.read": ("How to read this", "Как это читать"),
    "table.absent": ("Not given: {reason}.", "Не приводится: {reason}."),
    "cell.at_most": ("at most {high}", "не более {high}"),
    "cell.range": ("{low}\N{WORD JOINER}–\N{WORD JOINER}{high}", "{low}\N{WORD JOINER}–\N{WORD JOINER}{high}"),
    "cell.n": ("n {n}", "n {n}"),
    "cell.small_p": ("<\N{NO-BREAK SPACE}0.0001", "<\N{NO-BREAK SPACE}0,0001"),
    "choose.details": ("Phase", "Этап"),
    # why a whole table is empty
    "absent.entries": ("no entry has been scored", "нет оценённых участников"),
    "absent.pairs": ("fewer than two entries are ranked", "в зачёте меньше двух участников"),
    "absent.policies": ("fewer than two entries, or no answer is missing", "меньше двух участников или нет пропусков"),
    "absent.schemes": ("fewer than two entries are ranked", "в зачёте меньше двух участников"),
    "absent.stability": ("fewer than two entries are ranked", "в зачёте меньше двух участников"),
    "absent.calls": ("fewer than two entries are ranked", "в зачёте меньше двух участников"),
    "absent.readers": ("the organiser gave no table of readers", "организатор не дал таблицы врачей"),
    "absent.remarks": (
        "every entry is ranked and no answers are alike",
        "все участники в зачёте, совпадающих ответов нет",
    ),
    "absent.metrics": ("the organiser declares no metric of their own", "своих показателей организатор не объявил"),
    "absent.calibrated": ("the challenge has no calibration split", "в конкурсе нет калибровочной выборки"),
    "absent.numbers": ("no finding has further numbers", "дополнительных показателей нет ни у одного признака"),
    "absent.any": ("this scorecard does not have it", "в карте оценок этих данных нет"),
    "absent.norm": (
        "the challenge declares no limits of autonomous sorting",
        "конкурс не объявил пределов автономной сортировки",
    ),
    "absent.test": ("the challenge declares no calibration test", "конкурс не объявил калибровочного теста"),
    "absent.subgroups": ("the challenge declares no attributes", "конкурс не объявил атрибутов"),
    "absent.differences": (
        "no attribute has two shown values",
        "ни у одного атрибута нет двух показанных значений",
    ),
    "absent.row": ("there is no such line", "такой строки нет"),
    "absent.card": (
        "the full scorecard of this entry has not been published with this revision",
        "полная карта оценок участника в этой редакции не опубликована",
    ),
    # pictures
    "picture.ranks": (
        "Macro AUC with 95 % interval, in bands of equal rank",
        "Средняя AUC с 95 % ДИ, по местам",
    ),
    "picture.ranks_alt": (
        "Macro AUC with its interval for each entry, grouped by shared rank: {entries}",
        "Средняя AUC с доверительным интервалом каждого участника, по общим местам: {entries}",
    ),
    "picture.stability": ("Rank stability over resampled patients", "Устойчивость мест при бутстрепе по пациентам"),
    "picture.stability_alt": (
        "Ranks over resampled patients, median and ranges, for {entries}",
        "Места при бутстрепе по пациентам, медиана и диапазоны: {entries}",
    ),
    "picture.pairs": ("Who is separated from whom", "Между кем различие доказано"),
    "picture.pairs_alt": (
        "Matrix of paired differences; a filled cell is a difference that the adjusted test supports: {entries}",
        "Матрица парных разностей; закрашены значимые с поправкой: {entries}",
    ),
    "picture.reliability": ("Reliability: {finding}", "Калибровочная кривая: {finding}"),
    "picture.reliability_alt": (
        "Observed share of positives against mean answer in bins, for {finding}",
        "Наблюдаемая доля в зависимости от среднего ответа по группам, признак: {finding}",
    ),
    "picture.decision": ("Decision curve: {finding}", "Кривая принятия решений: {finding}"),
    "picture.decision_alt": (
        "Net benefit over threshold probabilities, against acting on all and on none, for {finding}",
        "Чистая польза по порогам, рядом вмешательство у всех и ни у кого, признак: {finding}",
    ),
    "picture.norm": (
        "Patients missed against studies sorted as norm",
        "Пропуск патологии и доля отнесённых к норме",
    ),
    "picture.norm_alt": (
        "Share of abnormal patients missed, with one-sided 95 % upper limit, over the share sorted as norm",
        "Доля пропущенных пациентов с патологией, с односторонней верхней 95 % границей, по доле отнесённых к норме",
    ),
    "picture.roc": ("ROC curve: {finding}", "ROC-кривая: {finding}"),
    "axis.rank": ("rank", "место"),
    "axis.answer": ("Mean answer", "Средний ответ"),
    "axis.observed": ("Observed share", "Наблюдаемая доля"),
    "axis.threshold": ("Threshold probability", "Пороговая вероятность"),
    "axis.benefit": ("Net benefit per study", "Чистая польза на исследование"),
    "axis.sorted": ("Studies sorted as norm", "Исследования, отнесённые к норме"),
    "axis.missed": ("Abnormal patients missed", "Пропущено пациентов с патологией"),
    "mark.service": ("acting on the answers", "вмешательство по ответам"),
    "mark.all": ("acting on all", "вмешательство у всех"),
    "mark.none": ("acting on none", "вмешательство ни у кого"),
    "mark.point": ("missed in this set", "пропущено в этом наборе"),
    "mark.limit": ("upper limit, one-sided 95 %", "верхняя граница, односторонняя 95 %"),
    "mark.readers": ("readers", "врачи"),
    "pair.better": ("row is better", "строка лучше"),
    "pair.worse": ("row is worse", "строка хуже"),
    "pair.open": ("not separated", "различие не доказано"),
    "stability.line": (
        "first in {percent} %",
        "первый в {percent} %",
    ),
    "stability.tau": (
        "Over {resamples} resamples the order agreed with the published one by Kendall's tau {tau} on average.",
        "По {resamples} бутстреп-выборкам согласие с опубликованным порядком: τ Кендалла в среднем {tau}.",
    ),
    "stability.redrawn": (
        "Resamples drawn again because a finding lacked a class: {count}.",
        "Бутстреп-выборок взято заново, потому что у признака не было одного класса: {count}.",
    ),
    "tau.scheme": (
        "{name}: Kendall's tau {tau} with the published order.",
        "{name}: согласие с опубликованным порядком τ Кендалла {tau}.",
    ),
    "adjusted.by": (
        "Ranks follow p adjusted by {name} at α = {alpha}; the other adjustment stands beside it.",
        "Места определяет p с поправкой {name} при α = {alpha}; рядом — p с другой поправкой.",
    ),
    "pairs.margin": (
        "Not inferior: at most {margin} worse, by a one-sided limit; the margin was declared before the phase opened.",
        "«Не хуже»: уступает не более чем на {margin} по односторонней границе; допуск объявлен до открытия этапа.",
    ),
    "calibration.bins": (
        "{count} bins with {kind}; the perfect service was simulated {simulations} times.",
        "Групп: {count}, {kind}; идеально калиброванный сервис смоделирован {simulations} раз.",
    ),
    "picture.decision_note": (
        "Where acting does harm, lines run out of the picture at the bottom; the file has them.",
        "Там, где вмешательство вредит, линии уходят под нижний край; в файле они целиком.",
    ),
    "picture.norm_note": (
        "Dashed orange: the declared limit. The thick mark is the declared threshold, up to its upper limit.",
        "Оранжевый пунктир — объявленный предел. Толстая отметка — объявленный порог, от оценки до верхней границы.",
    ),
    "picture.readers_note": (
        "Orange crosses and dashed lines: readers, as context.",
        "Оранжевые кресты и пунктир — врачи, для сравнения.",
    ),
    "picture.bands_note": (
        "Entries on one band share a rank.",
        "Участники на одной полосе делят место.",
    ),
    "picture.stability_note": (
        (
            "Share of resamples ranked first beside the name. Dot: median rank; thick: the middle half; thin: from "
            "the 2.5 % to the 97.5 % quantile."
        ),
        (
            "Рядом с именем — доля выборок, где участник первый. Точка — медиана места; толстая линия — средняя "
            "половина; тонкая — от квантиля 2,5 % до 97,5 %."
        ),
    ),
    "pairs.key": ("Rows and columns", "Строки и столбцы"),
    "picture.pairs_note": (
        "Each cell is row minus column, in macro AUC.",
        "В ячейке — строка минус столбец, средняя AUC.",
    ),
    "norm.limits": (
        "Judged by the one-sided 95 % upper limits below.",
        "Решение принято по односторонним верхним 95 % границам, они приведены ниже.",
    ),
    "table.threshold-counts": ("Counts at the thresholds", "Число случаев при этих порогах"),
    "rule.exposed": (
        "This phase shows everything while it is open: its set is exposed.",
        "Этап показывает всё, пока открыт: его набор считается раскрытым.",
    ),
    "rule.selected": (
        (
            "Entries were selected on this set: a vendor is allowed {allowed} submissions on it and is told scores "
            "(most made by one so far: {made}). Selection flatters, and 95 % intervals and ranks do not allow for it."
        ),
        (
            "Участники отобраны на этом же наборе: разработчику разрешено заявок с показом оценки — {allowed} (больше "
            "всего подано одним — {made}). Такой отбор завышает оценки; 95 % ДИ и места этого не учитывают."
        ),
    ),
    "row.same": ("same answers as {names}", "те же ответы, что у {names}"),
    # the verdict of the calibration test
    "test.limit": ("Limit: AUC {limit}, {rule}.", "Требование: AUC не ниже {limit}, {rule}."),
    "test.attempts": (
        "Attempt {made} of {allowed}; {sets}; α of this attempt {alpha}.",
        "Попытка {made} из {allowed}; {sets}; α этой попытки {alpha}.",
    ),
    "test.made": ("Attempts made: {made} of {allowed}.", "Сделано попыток: {made} из {allowed}."),
    "test.passed": (
        "Findings passed: {passed}; required: {required}.",
        "Пройдено признаков: {passed}; требуется: {required}.",
    ),
    "test.equivocal": ("Unknown references: {how}.", "Исследования с неопределённым эталоном {how}."),
    "norm.prevalence": (
        "Of all who come, {value} are abnormal by declaration ({source}).",
        "Объявленная доля пациентов с патологией в потоке: {value} ({source}).",
    ),
    "norm.counts": (
        (
            "{sorted} of {n} studies sorted as norm, {missed} of {abnormal} abnormal ones among them; "
            "without an answer, so to the doctor: {unanswered}."
        ),
        (
            "К норме отнесено {sorted} из {n} исследований, среди них {missed} из {abnormal} с патологией; "
            "без ответа, то есть к врачу: {unanswered}."
        ),
    ),
    "norm.per_1000": (
        "Per 1,000 who come: {value} missed, at most {high} with one-sided 95 % confidence.",
        "На 1000 пациентов потока: пропущено {value}, не более {high} с доверительной вероятностью 95 %.",
    ),
    "calibrated.chosen": (
        (
            "The entry was chosen on this split, among several of its vendor: the 95 % confidence does not hold, and "
            "the share reaches its floor less often."
        ),
        (
            "Участник отобран на этой же выборке из нескольких заявок разработчика: доверительная вероятность 95 % не "
            "выдерживается, показатель достигает минимума реже."
        ),
    ),
    "partial.range": (
        "Partial AUC: mean sensitivity at false positive rates from {low} to {high}, and standardised after McClish.",
        (
            "Частичная AUC: средняя чувствительность при доле ложноположительных от {low} до {high}; рядом — "
            "стандартизованная по Мак-Клишу."
        ),
    ),
}

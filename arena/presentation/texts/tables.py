"""Texts of the tables of a closed phase: a title, how it is read, and the headings of columns."""

from __future__ import annotations

from typing import Final

TABLES: Final[dict[str, tuple[str, str]]] = {
    "table.ranks": ("Ranks and their 95 % sets", "Места и их 95 % доверительные множества"),
    "read.ranks": (
        (
            "Entries within one band share a rank: no adjusted comparison separates them. The set of ranks "
            "covers the true "
            "ranks of all entries together with 95 % confidence."
        ),
        (
            "Участники одной полосы делят место: ни одно сравнение с поправкой их не разделяет. Множества мест вместе "
            "накрывают истинные места всех участников с доверительной вероятностью 95 %."
        ),
    ),
    "table.findings": ("By finding", "По признакам"),
    "read.findings": (
        (
            "Each line is one finding. An interval that is wide means few patients; a finding outside the "
            "macro is listed "
            "with its counts only."
        ),
        "Каждая строка — признак. Широкий интервал — мало пациентов; у признака вне среднего дано лишь число случаев.",
    ),
    "table.pairs": ("Paired comparisons", "Парные сравнения"),
    "read.pairs": (
        (
            "Difference is the first minus the second on the same patients. Only the adjusted p values count: "
            "there are as "
            "many comparisons as pairs."
        ),
        (
            "Разность — первый минус второй на тех же пациентах. В счёт идут только p с поправкой: сравнений столько, "
            "сколько пар."
        ),
    ),
    "table.policies": ("If missing answers counted otherwise", "Если учесть пропущенные ответы иначе"),
    "read.policies": (
        "The same answers under three rules. An entry whose place moves owes it to the answers that it did not give.",
        "Те же ответы при трёх правилах. Если место меняется, дело в ответах, которых участник не дал.",
    ),
    "table.schemes": ("If findings were joined otherwise", "Если объединить признаки иначе"),
    "read.schemes": (
        "A tau of 1 means the same order, 0 no agreement. The published order is by the mean AUC.",
        "τ = 1 — тот же порядок, 0 — согласия нет. Опубликован порядок по средней AUC.",
    ),
    "table.stability": ("Rank stability over resampled patients", "Устойчивость мест при бутстрепе по пациентам"),
    "read.stability": (
        (
            "Patients are drawn anew and entries ordered by score alone: how the order moves. The ranges are "
            "no confidence "
            "limits, and the share ranked first is no probability of being first."
        ),
        (
            "Пациенты отбираются заново, участники упорядочены только по оценке. Диапазоны мест — не доверительные "
            "границы, а доля первых мест — не вероятность быть первым."
        ),
    ),
    "table.calls": ("Calls at the declared threshold", "Решения при объявленном пороге"),
    "read.calls": (
        (
            "Share of right calls of the first less that of the second. Exploratory: p values are not adjusted "
            "and move no "
            "rank."
        ),
        "Доля верных решений первого минус доля второго. Анализ поисковый: p без поправки, на места не влияет.",
    ),
    "table.readers": ("Readers, as context", "Врачи, для сравнения"),
    "read.readers": (
        "Readers compete with nobody here; their points stand on the ROC plots.",
        "Врачи здесь ни с кем не соревнуются; их точки показаны на ROC-графиках.",
    ),
    "table.reader-curves": ("Readers' curves", "Кривые врачей"),
    "read.reader-curves": ("Points of the readers' curves.", "Точки кривых врачей."),
    "table.remarks": ("Without a rank, and alike", "Вне зачёта и совпадения"),
    "read.remarks": (
        "Why an entry has no rank, and which entries of different vendors gave the same answers to every case.",
        "Почему участник вне зачёта и какие участники разных разработчиков дали одинаковые ответы на все случаи.",
    ),
    "table.metrics": ("The organiser's own metrics", "Показатели организатора"),
    "read.metrics": (
        "Put beside the others; they move no rank. Limits are quantiles over resampled patients.",
        "Приведены рядом; на места не влияют. Границы — квантили бутстрепа по пациентам.",
    ),
    "table.missing": ("AUC if missing answers counted otherwise", "AUC, если учесть пропущенные ответы иначе"),
    "read.missing": (
        "The same answers under three rules; a large gap means that hard cases stayed unanswered.",
        "Те же ответы при трёх правилах; большой разрыв — без ответа остались трудные случаи.",
    ),
    "table.thresholds": ("Thresholds compared", "Сравнение порогов"),
    "read.thresholds": (
        (
            "The declared threshold counts. One chosen on these very cases flatters, so it has no interval and "
            "no rank. PPV "
            "and NPV hold for this set's share of positives."
        ),
        (
            "В счёт идёт объявленный порог. Выбранный на этих же случаях приукрашивает: он дан без ДИ и на места не "
            "влияет. ПЦПР и ПЦОР относятся к доле исследований с признаком в этом наборе."
        ),
    ),
    "table.calibrated-thresholds": ("Thresholds of the calibration split", "Пороги, заданные на калибровочной выборке"),
    "read.calibrated-thresholds": (
        (
            "A threshold is given only if so many patients were there that the share reaches its floor with 95 % "
            "confidence, for an entry that was not chosen on the split."
        ),
        (
            "Порог дан, только если пациентов хватило, чтобы доля достигла минимума с доверительной вероятностью 95 %; "
            "это верно для участника, которого не отбирали на этой же выборке."
        ),
    ),
    "table.calibration": ("Calibration", "Калибровка"),
    "read.calibration": (
        (
            "Slope 1 and intercept 0 are ideal. A perfectly calibrated service has an error above zero too: "
            "compare it with "
            "the null mean and its 95th percentile."
        ),
        (
            "Идеал: наклон 1 и сдвиг 0. Ошибка больше нуля и у идеально калиброванного сервиса: сравните её со средним "
            "и 95-м процентилем для него."
        ),
    ),
    "table.reliability": ("Reliability curve", "Калибровочная кривая"),
    "read.reliability": (
        (
            "On the dashed line an answer of 30 % is right in 30 % of cases; below it the service is too sure of the "
            "finding."
        ),
        "На пунктире ответ 30 % верен в 30 % случаев; ниже него сервис завышает вероятность признака.",
    ),
    "table.prevalence": ("This set and the declared prevalence", "Этот набор и объявленная распространённость"),
    "read.prevalence": (
        (
            "Predictive values, F1 and MCC depend on how common the finding is, so each stands beside its share and "
            "that share's source."
        ),
        "Прогностическая ценность, F1 и MCC зависят от распространённости, поэтому рядом стоят её доля и источник.",
    ),
    "table.decision": ("Decision curve", "Кривая принятия решений"),
    "read.decision": (
        "Above both other lines, acting on the answers does more good than acting on everybody or on nobody.",
        "Выше обеих линий решения по ответам полезнее, чем вмешательство у всех или ни у кого.",
    ),
    "table.any-pathology": ("Any finding at all", "Любая патология"),
    "read.any-pathology": (
        (
            "Whether a study has any of the findings: by its highest answer, and called if one finding reaches its "
            "threshold."
        ),
        "Есть ли в исследовании хоть один признак: по наибольшему ответу и по порогам признаков.",
    ),
    "table.norm": ("Autonomous sorting of norms", "Автономная сортировка нормы"),
    "read.norm": (
        "A limit is met only if the one-sided 95 % upper limit stays within it; the unit is the patient.",
        "Предел соблюдён, только если в нём лежит односторонняя верхняя 95 % граница; единица расчёта — пациент.",
    ),
    "table.norm-curve": ("Norm curve", "Кривая автономной сортировки"),
    "read.norm-curve": (
        (
            "The farther right, the more studies are released without a doctor. Each limit holds for its point "
            "alone: a "
            "threshold picked from the curve has none."
        ),
        (
            "Чем правее, тем больше исследований не смотрит врач. Граница верна для отдельной точки: у "
            "порога, выбранного "
            "по кривой, её нет."
        ),
    ),
    "table.calibration-test": ("Verdict by finding", "Решение по признакам"),
    "read.calibration-test": (
        "Passes if the lower limit reaches the declared AUC, fails if the upper limit is below it, undecided between.",
        "Соответствует: нижняя граница достигает предела. Не соответствует: верхняя ниже него. Иначе не решено.",
    ),
    "table.pass-chances": ("Chance of one finding to pass", "Вероятность пройти для одного признака"),
    "read.pass-chances": (
        (
            "For the finding with the fewest patients, not for the service: how often it passes at a true AUC, in one "
            "attempt and in any of those allowed. A service that needs several findings passes less often."
        ),
        (
            "Для признака с наименьшим числом пациентов, а не для сервиса в целом: как часто он пройдёт при истинной "
            "AUC — за одну попытку и за все разрешённые. Если нужны несколько признаков, сервис проходит реже."
        ),
    ),
    "table.subgroups": ("AUC by subgroup", "AUC по подгруппам"),
    "read.subgroups": (
        (
            "One attribute at a time. Exploratory: no rank follows. A value is shown only with 20 patients with and 20 "
            "without the finding; the choice is made from references, alike for every entry."
        ),
        (
            "По одному атрибуту. Анализ поисковый: на места не влияет. Значение показано, только если есть по 20 "
            "пациентов с признаком и без; выбор сделан по эталонам, одинаково для всех."
        ),
    ),
    "table.suppressed": ("Shown and suppressed values", "Показанные и скрытые значения"),
    "read.suppressed": (
        (
            "Suppressed: fewer than 20 patients of a class, or a value that could be worked out from the "
            "others. Totals are "
            "over shown values."
        ),
        "Скрыто: меньше 20 пациентов одного класса либо вычисляется по остальным. Итоги — по показанным значениям.",
    ),
    "table.subgroup-differences": ("Differences between subgroups", "Различия между подгруппами"),
    "read.subgroup-differences": (
        (
            "The first less the second value. p is adjusted after Holm over the pairs of one attribute and one finding "
            "only; over the whole table more false differences are to be expected. Exploratory."
        ),
        (
            "Первое значение минус второе. Поправка Холма — по парам значений одного атрибута для одного признака; по "
            "всей таблице ложных различий будет больше. Анализ поисковый."
        ),
    ),
    # columns
    "col.rank_low": ("Rank from", "Место от"),
    "col.rank_high": ("Rank to", "Место до"),
    "col.a": ("First", "Первый"),
    "col.b": ("Second", "Второй"),
    "col.difference": ("Difference", "Разность"),
    "col.low": ("95 % from", "95 % ДИ от"),
    "col.high": ("95 % to", "95 % ДИ до"),
    "col.standard_error": ("Standard error", "Станд. ошибка"),
    "col.z": ("z", "z"),
    "col.p": ("p, unadjusted", "p без поправки"),
    "col.p_max_t": ("p, max-\N{WORD JOINER}T", "p, max-\N{WORD JOINER}T"),
    "col.p_holm": ("p, Holm", "p, Холм"),
    "col.n_patients": ("Patients", "Пациентов"),
    "col.method": ("Method", "Метод"),
    "col.interval": ("Interval", "Интервал"),
    "col.margin": ("Margin", "Допуск"),
    "col.a_not_inferior": ("First not inferior", "Первый не хуже"),
    "col.b_not_inferior": ("Second not inferior", "Второй не хуже"),
    "col.macro_worst": ("AUC, missing as worst", "AUC, пропуск — худший"),
    "col.rank_worst": ("Rank, missing as worst", "Место, пропуск — худший"),
    "col.rank_low_worst": ("Rank from, missing as worst", "Место от, пропуск — худший"),
    "col.rank_high_worst": ("Rank to, missing as worst", "Место до, пропуск — худший"),
    "col.place_worst": ("Place by score, missing as worst", "По оценке, пропуск — худший"),
    "col.macro_half": ("AUC, missing as one half", "AUC, пропуск — 1/2"),
    "col.rank_half": ("Rank, missing as one half", "Место, пропуск — 1/2"),
    "col.rank_low_half": ("Rank from, missing as one half", "Место от, пропуск — 1/2"),
    "col.rank_high_half": ("Rank to, missing as one half", "Место до, пропуск — 1/2"),
    "col.place_half": ("Place by score, missing as one half", "По оценке, пропуск — 1/2"),
    "col.macro_exclude_case": ("AUC, missing left out", "AUC, пропуск исключён"),
    "col.rank_exclude_case": ("Rank, missing left out", "Место, пропуск исключён"),
    "col.rank_low_exclude_case": ("Rank from, missing left out", "Место от, пропуск исключён"),
    "col.rank_high_exclude_case": ("Rank to, missing left out", "Место до, пропуск исключён"),
    "col.place_exclude_case": ("Place by score, missing left out", "По оценке, пропуск исключён"),
    "col.macro_fail_entry": ("AUC, one missing, no score", "AUC, пропуск — без оценки"),
    "col.rank_fail_entry": ("Rank, one missing, no score", "Место, пропуск — без оценки"),
    "col.rank_low_fail_entry": ("Rank from, one missing, no score", "Место от, пропуск — без оценки"),
    "col.rank_high_fail_entry": ("Rank to, one missing, no score", "Место до, пропуск — без оценки"),
    "col.place_fail_entry": ("Place by score, one missing, no score", "По оценке, пропуск — без оценки"),
    "col.share_first": ("Share ranked first", "Доля первых мест"),
    "col.q025": ("2.5 % quantile", "Квантиль 2,5 %"),
    "col.q050": ("5 % quantile", "Квантиль 5 %"),
    "col.q100": ("10 % quantile", "Квантиль 10 %"),
    "col.q250": ("25 % quantile", "Квантиль 25 %"),
    "col.q500": ("Median rank", "Медиана места"),
    "col.q750": ("75 % quantile", "Квантиль 75 %"),
    "col.q900": ("90 % quantile", "Квантиль 90 %"),
    "col.q950": ("95 % quantile", "Квантиль 95 %"),
    "col.q975": ("97.5 % quantile", "Квантиль 97,5 %"),
    "col.resamples": ("Resamples", "Бутстреп-выборок"),
    "col.of": ("Of", "Показатель"),
    "col.only_a": ("Only first right", "Верно только у первого"),
    "col.only_b": ("Only second right", "Верно только у второго"),
    "col.n": ("Cases", "Случаев"),
    "col.patients": ("Patients", "Пациентов"),
    "col.test": ("Test", "Критерий"),
    "col.label": ("Readers", "Врачи"),
    "col.readers": ("How many", "Сколько"),
    "col.source": ("Source", "Источник"),
    "col.unranked": ("Why without a rank", "Почему вне зачёта"),
    "col.duplicates": ("Same answers as", "Те же ответы, что у"),
    "col.metric": ("Metric", "Показатель"),
    "col.version": ("Version", "Версия"),
    "col.direction": ("Direction", "Направление"),
    "col.value": ("Value", "Значение"),
    "col.least": ("Least", "Наименьшее"),
    "col.greatest": ("Greatest", "Наибольшее"),
    "col.reason": ("Why absent", "Почему нет"),
    "col.in_macro": ("In the macro", "В среднем"),
    "col.patients_positive": ("Patients with", "Пациентов с признаком"),
    "col.patients_negative": ("Patients without", "Пациентов без признака"),
    "col.n_missing": ("Unanswered", "Без ответа"),
    "col.partial_auc": ("Partial AUC", "Частичная AUC"),
    "col.partial_auc_standardised": ("Partial AUC, standardised", "Частичная AUC, станд."),
    "col.average_precision": ("Average precision", "Средняя точность"),
    "col.threshold_source": ("Threshold from", "Откуда порог"),
    "col.true_positive": ("True positive", "Истинно\N{SOFT HYPHEN}положительные"),
    "col.false_positive": ("False positive", "Ложно\N{SOFT HYPHEN}положительные"),
    "col.false_negative": ("False negative", "Ложно\N{SOFT HYPHEN}отрицательные"),
    "col.true_negative": ("True negative", "Истинно\N{SOFT HYPHEN}отрицательные"),
    "col.f1": ("F1", "F1"),
    "col.mcc": ("MCC", "MCC"),
    "col.sensitivity_patients": ("Sensitivity, patients", "Чувствительность, пациенты"),
    "col.specificity_patients": ("Specificity, patients", "Специфичность, пациенты"),
    "col.split_patients": ("Patients learned from", "Пациентов в калибровочной выборке"),
    "col.floor": ("Floor", "Минимум"),
    "col.needed": ("Patients needed", "Нужно пациентов"),
    "col.order": ("Order statistic", "Порядковая статистика"),
    "col.confidence": ("Confidence", "Доверительная вероятность"),
    "col.n_answered": ("Answered", "Отвечено"),
    "col.n_known": ("Known", "С эталоном"),
    "col.ece": ("ECE", "ECE"),
    "col.null_mean": ("Perfect service: mean", "Идеальный сервис: среднее"),
    "col.null_p95": ("Perfect service: 95th percentile", "Идеальный сервис: 95-й процентиль"),
    "col.bins": ("Bins", "Группы"),
    "col.bin_count": ("Number of bins", "Число групп"),
    "col.simulations": ("Simulations", "Моделирований"),
    "col.slope": ("Slope", "Наклон"),
    "col.intercept": ("Intercept", "Сдвиг"),
    "col.share_clipped": ("Share clipped", "Доля обрезанных"),
    "col.from": ("Answers from", "Ответы от"),
    "col.to": ("to", "до"),
    "col.mean_answer": ("Mean answer", "Средний ответ"),
    "col.observed": ("Observed share", "Наблюдаемая доля"),
    "col.share": ("For", "Для"),
    "col.prevalence": ("Prevalence", "Распространённость"),
    "col.prevalence_source": ("Its source", "Её источник"),
    "col.workload": ("Left to a doctor", "Остаётся врачу"),
    "col.net_benefit": ("Net benefit", "Чистая польза"),
    "col.treat_all": ("Acting on all", "Вмешательство у всех"),
    "col.n_positive": ("Positive", "С признаком"),
    "col.n_unknown": ("Unknown", "Не определено"),
    "col.measure": ("Share", "Доля"),
    "col.found": ("Found, with its limit", "Оценка, с границей"),
    "col.limit": ("Limit", "Предел"),
    "col.verdict": ("Verdict", "Решение"),
    "col.sorted_share": ("Sorted as norm", "Отнесено к норме"),
    "col.missed": ("Missed", "Пропущено"),
    "col.missed_high": ("Upper limit", "Верхняя граница"),
    "col.reading": ("Unknown references", "Неопределённые эталоны"),
    "col.true_auc": ("True AUC", "Истинная AUC"),
    "col.one_attempt": ("One attempt", "Одна попытка"),
    "col.any_attempt": ("Any attempt allowed", "Любая из разрешённых"),
    "col.attribute": ("Attribute", "Атрибут"),
    "col.cell": ("Value", "Значение"),
    "col.positives": ("Studies with", "Исследований с признаком"),
    "col.negatives": ("Studies without", "Исследований без признака"),
    "col.shown": ("Values shown", "Показано значений"),
    "col.hidden": ("Values suppressed", "Скрыто значений"),
    "col.cell_a": ("First value", "Первое значение"),
    "col.cell_b": ("Second value", "Второе значение"),
}

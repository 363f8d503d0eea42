"""Words for the codes of published numbers: methods, reasons of absence, verdicts, policies. Tests walk the enums."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, tuple[str, str]]] = {
    # how a number was found
    "method.auc_logit_t": (
        "AUC: 95 % interval by Student's t on the logit scale, variance over patients",
        "AUC: 95 % ДИ по Стьюденту на логит-шкале, дисперсия по пациентам",
    ),
    "method.auc_newcombe_5": (
        "AUC at its bound: 95 % interval by Newcombe's method 5, which has a width even there",
        "AUC на границе шкалы: 95 % ДИ Ньюкомба (метод 5), ненулевой и там",
    ),
    "method.wilson_design_effect": (
        "Share of cases: Wilson's 95 % interval, widened by the design effect of several studies per patient",
        "Доля случаев: 95 % ДИ Уилсона с поправкой на несколько исследований одного пациента",
    ),
    "method.mean_logit_t": (
        "Mean of cases: 95 % interval by Student's t on the logit scale, variance over patients",
        "Среднее по случаям: 95 % ДИ по Стьюденту на логит-шкале, дисперсия по пациентам",
    ),
    "method.class_means_logit_t": (
        "Mean of positives and of negatives, weighted by the declared prevalence; interval on the logit scale",
        "Средние по классам, взвешенные по объявленной распространённости; ДИ на логит-шкале",
    ),
    "method.partial_auc_logit_t": (
        "Partial AUC: mean sensitivity over the stated false positive rates; interval on the logit scale",
        "Частичная AUC: средняя чувствительность на указанном участке; ДИ на логит-шкале",
    ),
    "method.average_precision_logit_t": (
        "Average precision: step-wise area under precision and recall; interval on the logit scale",
        "Средняя точность: площадь под кривой точность–полнота; ДИ на логит-шкале",
    ),
    "method.f1_wilson_design_effect": (
        "F1: through the share of hits among hits and errors, by Wilson's interval with the design effect",
        "F1: через долю попаданий среди попаданий и ошибок, ДИ Уилсона с поправкой на пациентов",
    ),
    "method.mcc_fisher_t": (
        "MCC: 95 % interval by Student's t on Fisher's scale, variance over patients",
        "MCC: 95 % ДИ по Стьюденту на шкале Фишера, дисперсия по пациентам",
    ),
    "method.clopper_pearson_patients": (
        "Share of patients: exact 95 % interval of Clopper and Pearson",
        "Доля пациентов: точный 95 % ДИ Клоппера — Пирсона",
    ),
    "method.mover_wilson": (
        "Joined by the MOVER method from Wilson's limits of both shares",
        "Объединено методом MOVER из пределов Уилсона обеих долей",
    ),
    "method.mover_logit_t": (
        "Joined by the MOVER method from the intervals of both AUCs, with their correlation over patients",
        "Объединено методом MOVER из интервалов обеих AUC с их корреляцией по пациентам",
    ),
    "method.logistic_sandwich_t": (
        "Logistic regression by maximum likelihood, unpenalised; robust variance over patients",
        "Логистическая регрессия без штрафа; устойчивая дисперсия по пациентам",
    ),
    "method.binned_gap": (
        "Mean gap between answers and observed shares over bins; read beside its value for a perfect service",
        "Средний разрыв между ответами и долями по группам; читается рядом со значением идеального сервиса",
    ),
    "method.clopper_pearson_upper": (
        "Share of patients: exact one-sided 95 % upper limit of Clopper and Pearson",
        "Доля пациентов: точная односторонняя 95 % верхняя граница Клоппера — Пирсона",
    ),
    "method.clopper_pearson": (
        "Share: exact 95 % interval of Clopper and Pearson",
        "Доля: точный 95 % ДИ Клоппера — Пирсона",
    ),
    "method.trapezoid": (
        "Area under the readers' points, joined by straight lines",
        "Площадь под точками врачей, соединёнными отрезками",
    ),
    "method.paired_influence": (
        "Paired difference on the same patients: covariance kept, variance over patients",
        "Парная разность на тех же пациентах: ковариация учтена, дисперсия по пациентам",
    ),
    # why a number, or only its interval, is absent
    "reason.too_few_patients": (
        "too few patients with or without the finding",
        "слишком мало пациентов с признаком или без него",
    ),
    "reason.missing_answers": ("answers are missing", "не хватает ответов"),
    "reason.no_positive": ("no positive case", "нет случаев с признаком"),
    "reason.no_negative": ("no negative case", "нет случаев без признака"),
    "reason.no_case": ("no case to count", "нет случаев для расчёта"),
    "reason.one_patient": ("a single patient", "только один пациент"),
    "reason.no_variance": ("no variance to estimate from", "нет разброса для оценки"),
    "reason.no_macro_finding": (
        "no finding is held by enough patients",
        "ни один признак не набрал достаточно пациентов",
    ),
    "reason.finding_undefined": ("one of its findings has no value", "один из признаков не имеет значения"),
    "reason.all_called_alike": ("all cases are called alike", "все случаи отнесены к одному классу"),
    "reason.post_hoc": (
        "chosen on these very cases, so no interval",
        "выбрано на этих же случаях, поэтому без интервала",
    ),
    "reason.constant_answers": ("all answers are equal", "все ответы одинаковы"),
    "reason.separated": ("answers separate the classes wholly", "ответы полностью разделяют классы"),
    "reason.not_converged": ("the fit did not converge", "подгонка не сошлась"),
    "reason.null_beside": (
        "read beside its value for a perfect service",
        "читается рядом со значением идеального сервиса",
    ),
    "reason.enriched_by_difficulty": (
        "the set was enriched by difficulty: it tells nothing about a population",
        "набор обогащён трудными случаями и о популяции не говорит",
    ),
    "reason.too_few_negatives": (
        "too few negatives to tell it at that prevalence",
        "слишком мало случаев без признака для такой распространённости",
    ),
    "reason.no_prevalence": ("no prevalence is declared", "распространённость не объявлена"),
    "reason.shared_patients": (
        "the calibration split shares patients with this set",
        "у калибровочной выборки и этого набора общие пациенты",
    ),
    "reason.no_level": ("only a threshold above every answer would do", "подошёл бы только порог выше всех ответов"),
    "reason.suppressed": (
        "suppressed: fewer than 20 patients of a class, or it could be worked out from other cells",
        "скрыто: меньше 20 пациентов одного класса, либо вычисляется по другим ячейкам",
    ),
    "reason.several_readers": ("mean of several readers", "среднее нескольких врачей"),
    "reason.no_counts": ("the source gives no counts", "источник не приводит числа случаев"),
    "reason.attempts_used_up": ("all declared attempts have been used", "объявленные попытки исчерпаны"),
    "reason.set_not_fresh": (
        "not a valid attempt: this vendor has met this set before",
        "попытка недействительна: разработчик уже встречал этот набор",
    ),
    "reason.undefined": ("the metric is not defined on these cases", "показатель на этих случаях не определён"),
    "reason.crashed": ("the metric's code failed", "сбой программы показателя"),
    "reason.out_of_range": ("the metric left its declared range", "показатель вышел за объявленные пределы"),
    "reason.not_a_number": ("the metric gave no number", "показатель не дал числа"),
    "reason.too_slow": ("the metric took too long", "показатель считался слишком долго"),
    "reason.too_large": ("the metric's answer was too large", "ответ показателя слишком велик"),
    "reason.malformed": ("the metric's answer could not be read", "ответ показателя не читается"),
    "reason.undefined_in_resamples": (
        "undefined in too many resamples for limits",
        "не определён в слишком многих повторных выборках",
    ),
    "reason.redrawn_too_often": (
        "a finding lacked a class in more than 1 % of resamples",
        "в более чем 1 % выборок у признака не было одного класса",
    ),
    "reason.other": ("a reason outside the catalogue", "причина вне каталога"),
    # why an entry has no rank
    "unranked.no_score": ("it has no score", "нет оценки"),
    "unranked.below_floor_answered": ("it answered fewer cases than declared", "ответов меньше объявленного минимума"),
    "unranked.below_floor_auc": ("its score is below the declared floor", "оценка ниже объявленного минимума"),
    "unranked.second_choice": (
        "the vendor's second nomination: listed, not ranked",
        "вторая заявка разработчика: показана вне зачёта",
    ),
    # sources, policies, schemes, tests
    "threshold.declared": ("declared beforehand", "объявлен заранее"),
    "threshold.calibration": ("set on the calibration split", "задан на калибровочной выборке"),
    "threshold.post_hoc_youden": (
        "post hoc, Youden: chosen on these cases, never ranked",
        "по Юдену: выбран на этих же случаях, на места не влияет",
    ),
    "policy.worst": ("as the worst answer", "худший ответ"),
    "policy.half": ("as one half", "как 1/2"),
    "policy.exclude_case": ("left out", "исключены"),
    "policy.fail_entry": ("entry without a score", "участник без оценки"),
    "scheme.mean_then_rank": ("Mean AUC, then rank (published)", "Средняя AUC, затем место (опубликовано)"),
    "scheme.rank_then_mean": ("Rank by finding, then mean rank", "Место по признаку, затем среднее мест"),
    "adjustment.max_t": ("max-T", "max-T"),
    "adjustment.holm": ("Holm", "Холма"),
    "test.exact": ("exact McNemar", "точный критерий Макнемара"),
    "test.mcnemar": ("McNemar", "критерий Макнемара"),
    "test.obuchowski": ("clustered McNemar (Obuchowski)", "критерий Макнемара по пациентам (Обуховски)"),
    "of.sensitivity": ("sensitivity", "чувствительность"),
    "of.specificity": ("specificity", "специфичность"),
    "inferior.shown": ("shown", "показано"),
    "inferior.not_shown": ("not shown", "не показано"),
    "direction.higher": ("higher is better", "больше — лучше"),
    "direction.lower": ("lower is better", "меньше — лучше"),
    "bins.equal_mass": ("equal numbers of cases", "поровну случаев"),
    "bins.equal_width": ("equal width", "равной ширины"),
    "finding.macro": ("All findings (mean)", "Все признаки (среднее)"),
    # verdicts and what they are read with
    "verdict.passes": ("passes", "соответствует"),
    "verdict.fails": ("fails", "не соответствует"),
    "verdict.undecided": ("undecided", "не решено"),
    "verdict.none": ("no valid attempt", "попытка недействительна"),
    "rule.interval": (
        "by the 95 % interval: the lower limit must reach the limit",
        "по 95 % ДИ: достигнуть его должна нижняя граница",
    ),
    "rule.point": (
        "by the estimate alone, its errors included",
        "по самой оценке, вместе с её ошибками",
    ),
    "sets.fresh": ("each attempt on a fresh set", "каждая попытка на новом наборе"),
    "sets.same": ("all attempts on one set, α shared by them", "все попытки на одном наборе, α делится между ними"),
    "equivocal.exclude": ("left out", "исключены"),
    "equivocal.positive": ("as positive", "учтены как наличие признака"),
    "equivocal.negative": ("as negative", "учтены как его отсутствие"),
    "equivocal.both": ("both ways", "учтены обоими способами"),
    "norm.sorted_share": ("Studies sorted as norm", "Исследований отнесено к норме"),
    "norm.missed_of_abnormal": ("Patients missed, of abnormal patients", "Пропущено пациентов из имеющих патологию"),
    "norm.missed_of_sorted": (
        "Patients missed, of patients sorted as norm",
        "Пропущено пациентов из отнесённых к норме",
    ),
    "norm.missed_of_incoming": (
        "Patients missed, of all who come",
        "Пропущено пациентов из всего потока",
    ),
    "norm.whole": ("All declared limits together", "Все объявленные пределы вместе"),
    "share.this_set": ("this set", "этот набор"),
    "share.declared": ("declared prevalence", "объявленная распространённость"),
    "share.declared_calibrated": (
        "declared prevalence, threshold of the calibration split",
        "объявленная распространённость, порог по калибровочной выборке",
    ),
    "share.itself": ("counted in this set", "подсчитано в этом наборе"),
    # attributes of studies
    "attribute.sex": ("Sex", "Пол"),
    "attribute.age": ("Age, years", "Возраст, лет"),
    "attribute.site": ("Site", "Учреждение"),
    "attribute.manufacturer": ("Manufacturer", "Производитель"),
    "sex.F": ("female", "женский"),
    "sex.M": ("male", "мужской"),
    "sex.O": ("other", "иной"),
    "value.not_stated": ("not stated", "не указано"),
    "yes": ("yes", "да"),
    "no": ("no", "нет"),
}

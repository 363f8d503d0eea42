"""Texts of the queue: where an evaluation stands, and why one that is held or has ended without a score does."""

from __future__ import annotations

from typing import Final

QUEUE: Final[dict[str, tuple[str, str]]] = {
    "queue.title": ("Live queue", "Очередь"),
    "queue.position": ("Position", "Номер"),
    "queue.stage": ("Stage", "Стадия"),
    "queue.progress": ("Progress", "Ход"),
    "queue.elapsed": ("Elapsed", "Прошло"),
    "queue.cases": ("{done} of {total} cases", "{done} из {total} случаев"),
    "queue.line": (
        "In the queue: {waiting} waiting, {running} running",
        "В очереди: ждут {waiting}, в работе {running}",
    ),
    "queue.updated": (
        "Checked {time} UTC; this list renews itself.",
        "Проверено в {time} UTC; список обновляется сам.",
    ),
    "stage.queued": ("queued", "в очереди"),
    "stage.running": ("running", "выполняется"),
    "stage.recorded": ("scoring", "подсчёт"),
    "stage.scored": ("scored", "оценено"),
    "stage.held": ("held", "остановлено"),
    "stage.held_why": (
        "The host could not finish it; the organiser will continue it. Until then it counts towards the quota.",
        "Сбой на стороне площадки; организатор продолжит. До тех пор попытка учитывается в квоте.",
    ),
    "stage.unscored": ("ended without a score", "завершено без оценки"),
    "stage.unscored_why": (
        "The organiser ended it, or the host did not get through with it; `arena submission` gives the reason.",
        "Завершено организатором либо площадка не смогла его выполнить; причину сообщает `arena submission`.",
    ),
}

"""What the scripts of the menu call: one function each, with its globals and its folder."""

from peanut_davinci import findings, flows
from peanut_davinci.editions import Abilities
from peanut_davinci.errors import HostError
from peanut_davinci.launch_command import command_in
from peanut_davinci.panel import panel_for
from peanut_davinci.pipe import Peanut


def run(action, names, folder, write=print, connect=Peanut):
    """Run `remove`, `collect`, `undo` or `check`; says what went wrong instead of raising.

    Args:
        action: one of the four.
        names: globals of the menu's script: `resolve`, `fusion`, `bmd`.
        folder: where `install.json` lies.
        write: takes lines.
        connect: makes the pipe from a command.
    """
    ui = None
    peanut = None
    try:
        if action == "check":
            findings.report(names, folder, write, connect)
            return
        resolve, project = flows.opened(names)
        abilities = Abilities(resolve.version(), resolve.is_studio())
        for line in abilities.lines():
            if " yes" not in line:
                write(line)
        ui = panel_for(resolve, names, abilities, write)
        peanut = connect(command_in(folder))
        if action == "remove":
            flows.remove_object(resolve, project, ui, peanut)
        elif action == "collect":
            flows.collect(resolve, project, ui, peanut)
        else:
            flows.undo_result(resolve, project, ui, peanut)
    except HostError as error:
        write("PEANUT: " + error.text())
    finally:
        if ui is not None:
            ui.close()
        if peanut is not None:
            peanut.close()

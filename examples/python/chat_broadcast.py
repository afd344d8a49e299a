from proapi import ProAPI
app = ProAPI()

connections = {}

@app.websocket("/chat/{room}")
async def chat_room(websocket, room):
    if room not in connections:
        connections[room] = []
    await websocket.accept()
    connections[room].append(websocket)
    try:
        await websocket.send_json({"type": "system", "message": f"Welcome to room: {room}", "users": len(connections[room])})
        for conn in connections[room]:
            if conn != websocket:
                await conn.send_json({"type": "system", "message": "A new user has joined", "users": len(connections[room])})
        while True:
            data = await websocket.receive_json()
            for conn in connections[room]:
                await conn.send_json(data)
    finally:
        if room in connections and websocket in connections[room]:
            connections[room].remove(websocket)

if __name__ == "__main__":
    app.run()
